// Volumes and mounts, driven by the docker client.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, lasting, must, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const MOUNTS_AT = (target: string) => `grep -E ' ${target}(/[^ ]*)? ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1`;

suite('volumes and mounts with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  const once = (...args: string[]) => ok('run', '--rm', '--network', 'none', ...args);
  const sleeper = (name: string, ...args: string[]) =>
    ok('run', '-d', '--name', name, '--network', 'none', '--stop-signal', 'KILL', ...args, IMAGE, 'sleep', '1000');
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { status, stderr } = await daemon.docker(...args);
    assert.notEqual(status, 0, args.join(' '));
    assert.match(stderr, pattern);
  };
  /** A folder on the host; gone with the daemon. */
  const folder = (name: string) => {
    const place = path.join(daemon.root, 'host', name);
    mkdirSync(place, { recursive: true });
    return place;
  };
  const foldersIn = (place: string) => (existsSync(path.join(daemon.root, place)) ? readdirSync(path.join(daemon.root, place)) : []);
  const mountsBelow = async (place: string) => (await daemon.footprint()).mounts.filter((point) => point.includes(place));

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
    const volumes = await ok('volume', 'ls', '-q');
    if (volumes !== '') await ok('volume', 'rm', ...volumes.split('\n'));
    const { mounts } = lasting(await daemon.footprint());
    assert.deepEqual(
      mounts.filter((point) => /\/(volumes|mounts|layers)\//.test(point)),
      [],
      'mounts that are left',
    );
  });
  after(() => daemon[Symbol.asyncDispose]());

  test('a missing source is refused of --mount when the container is made, and made of -v when it starts', async () => {
    const missing = path.join(folder('missing'), 'source');
    await refused(/bind source path does not exist: .*missing\/source/, 'create', '--mount', `type=bind,src=${missing},dst=/x`, IMAGE);
    await ok('create', '--name', 'made', '-v', `${missing}:/x`, IMAGE, 'true');
    assert.ok(!existsSync(missing));
    await ok('start', '-a', 'made');
    assert.ok(existsSync(missing));
    await refused(/creating mount source path '\/proc\/no'/, 'run', '--rm', '-v', '/proc/no:/x', IMAGE, 'true');
  });

  test('read-only is recursive unless told otherwise, and what the host forbids stays forbidden', async () => {
    const top = folder('recursive');
    await must('mount', ['-t', 'tmpfs', 'tmpfs', folder('recursive/inner')]);
    const strict = folder('strict');
    await must('mount', ['--bind', top, strict]);
    await must('mount', ['-o', 'remount,bind,ro,nosuid,nodev,noexec', strict]);
    try {
      const seen = (options: string) => once('--mount', `type=bind,src=${top},dst=/x,${options}`, IMAGE, 'sh', '-c', MOUNTS_AT('/x'));
      assert.equal(await seen('bind-recursive=enabled'), '/x rw\n/x/inner rw');
      assert.equal(await seen('bind-recursive=disabled'), '/x rw');
      assert.equal(await seen('readonly'), '/x ro\n/x/inner ro');
      assert.equal(await seen('readonly,bind-recursive=readonly,bind-propagation=rprivate'), '/x ro\n/x/inner ro');
      assert.equal(await seen('readonly,bind-recursive=writable'), '/x ro\n/x/inner rw');
      assert.equal(await seen('readonly,bind-recursive=disabled'), '/x ro');
      writeFileSync(path.join(top, 'file'), 'one file');
      assert.equal(
        await once('-v', `${path.join(top, 'file')}:/x:ro`, IMAGE, 'sh', '-c', `cat /x; echo; ${MOUNTS_AT('/x')}`),
        'one file\n/x ro',
      );
      for (const runtime of ['crun', 'runc'])
        assert.match(
          await once('--runtime', runtime, '-v', `${strict}:/x`, IMAGE, 'grep', ' /x ', '/proc/mounts'),
          /\/x ext4 ro,nosuid,nodev,noexec|\/x \S+ ro,nosuid,nodev,noexec/,
        );
    } finally {
      await must('umount', [path.join(top, 'inner'), strict]);
    }
  });

  test('mounts of the host reach a container when both agree, and a source that is not shared is refused', async () => {
    const source = folder('shared');
    await refused(/is mounted on \S+ but it is not a shared mount/, 'run', '--rm', '-v', `${folder('plain')}:/x:rshared`, IMAGE, 'true');
    await refused(/not a shared or slave mount/, 'run', '--rm', '-v', `${folder('plain')}:/x:rslave`, IMAGE, 'true');
    await must('mount', ['--bind', source, source]);
    await must('mount', ['--make-private', source]);
    await must('mount', ['--make-shared', source]);
    try {
      await sleeper('taking', '-v', `${source}:/x:rslave`);
      await must('mount', ['-t', 'tmpfs', 'tmpfs', folder('shared/later')]);
      assert.equal(await ok('exec', 'taking', 'sh', '-c', MOUNTS_AT('/x/later')), '/x/later rw');
      await must('umount', [path.join(source, 'later')]);
    } finally {
      await must('umount', ['--lazy', source]);
    }
  });

  test('a part of a volume is found inside of it, whatever links say', async () => {
    writeFileSync(path.join(folder('secret'), 'f'), 'of the host');
    await once(
      '-v',
      'data:/d',
      IMAGE,
      'sh',
      '-c',
      `mkdir -p /d/a/b /d/empty; echo 1 >/d/a/f; ln -s a /d/in; ln -s ${folder('secret')} /d/out; ln -s /d/out /d/loop`,
    );
    const part = (subpath: string, ...command: string[]) => [
      'run',
      '--rm',
      '--network',
      'none',
      '--mount',
      `type=volume,src=data,dst=/x,volume-subpath=${subpath}`,
      IMAGE,
      ...command,
    ];
    assert.equal(await ok(...part('a', 'cat', '/x/f')), '1');
    assert.equal(await ok(...part('in', 'cat', '/x/f')), '1');
    assert.equal(await ok(...part('a/f', 'cat', '/x')), '1');
    await refused(/cannot access path out of volume data/, ...part('out', 'cat', '/x/f'));
    await refused(/cannot access path nowhere of volume data: no such file or directory/, ...part('nowhere', 'true'));
    await refused(/cannot access path a\/f\/g of volume data: not a directory/, ...part('a/f/g', 'true'));
    await refused(/subpath \.\.\/a must be a relative path within the volume/, ...part('../a', 'true'));
    // An empty one is filled from the image, as a whole volume is.
    assert.match(await once('--mount', 'type=volume,src=data,dst=/etc,volume-subpath=empty', IMAGE, 'ls', '/etc'), /passwd/);
    // A stopped container's copy goes the same way.
    await ok('create', '--name', 'still', '--mount', 'type=volume,src=data,dst=/x,volume-subpath=in', IMAGE, 'true');
    writeFileSync(path.join(folder('copied'), 'g'), 'copied');
    await ok('cp', path.join(folder('copied'), 'g'), 'still:/x/g');
    assert.equal(await once('-v', 'data:/d', IMAGE, 'cat', '/d/a/g'), 'copied');
  });

  test('a part that is swapped for a link while containers start never shows the host', async () => {
    writeFileSync(path.join(folder('secret'), 'f'), 'of the host');
    await once('-v', 'data:/d', IMAGE, 'sh', '-c', 'mkdir /d/part; echo mine >/d/part/f');
    const data = await ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'data');
    const [part, aside] = [path.join(data, 'part'), path.join(data, 'aside')];
    symlinkSync(folder('secret'), aside);
    const swapping = setInterval(() => {
      renameSync(part, `${part}.old`);
      renameSync(aside, part);
      renameSync(`${part}.old`, aside);
    }, 1);
    try {
      const starts = Array.from({ length: 12 }, () =>
        daemon.docker(
          'run',
          '--rm',
          '--network',
          'none',
          '--mount',
          'type=volume,src=data,dst=/x,volume-subpath=part',
          IMAGE,
          'cat',
          '/x/f',
        ),
      );
      for (const { stdout, stderr } of await Promise.all(starts))
        assert.match(stdout + stderr, /^mine\n$|cannot access path part of volume data/);
    } finally {
      clearInterval(swapping);
    }
  });

  test('an image can be mounted, whole or in part, read-only, and stays while it is used', async () => {
    await must('sh', ['-c', 'mkdir -p x/etc && echo from-image >x/etc/f && tar -C x -cf x.tar .'], { cwd: folder('image') });
    await ok('import', path.join(folder('image'), 'x.tar'), 'gantry/files:1');
    await sleeper(
      'user',
      '--mount',
      'type=image,src=gantry/files:1,dst=/img',
      '--mount',
      'type=image,src=gantry/files:1,dst=/part,image-subpath=etc',
    );
    assert.equal(
      await ok('exec', 'user', 'sh', '-c', 'ls /img; cat /img/etc/f /part/f; touch /img/new 2>&1; touch /part/new 2>&1; true'),
      'etc\nfrom-image\nfrom-image\ntouch: /img/new: Read-only file system\ntouch: /part/new: Read-only file system',
    );
    assert.match(await ok('inspect', '-f', '{{json .Mounts}}', 'user'), /"Type":"image","Name":"gantry\/files:1".*"RW":false/);
    await refused(/container [0-9a-f]{12} is using its referenced image/, 'rmi', 'gantry/files:1');
    await refused(/cannot be forced\) - image is being used by running container/, 'rmi', '-f', await ok('images', '-q', 'gantry/files:1'));
    await ok('restart', '-t', '0', 'user');
    assert.equal(await ok('exec', 'user', 'cat', '/part/f'), 'from-image');
    await ok('stop', 'user');
    await ok('cp', 'user:/img/etc/f', path.join(folder('image'), 'copy'));
    assert.equal(readFileSync(path.join(folder('image'), 'copy'), 'utf8'), 'from-image\n');
    await refused(
      /invalid mount config for type "image": No such image: gantry\/none/,
      'create',
      '--mount',
      'type=image,src=gantry/none,dst=/x',
      IMAGE,
    );
    await refused(
      /cannot access path no of image gantry\/files:1/,
      'run',
      '--rm',
      '--mount',
      'type=image,src=gantry/files:1,dst=/x,image-subpath=no',
      IMAGE,
      'true',
    );
    await ok('rm', 'user');
    await ok('rmi', 'gantry/files:1');
  });

  test('what the options of a volume mount is there for all its users, over kill -9, and goes with the last', async () => {
    const disk = path.join(folder('disk'), 'image');
    writeFileSync(disk, '');
    truncateSync(disk, 16 * 1024 * 1024);
    await must('mkfs.ext4', ['-q', disk], { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=1000,mode=700', 'memory');
    await ok('volume', 'create', '-o', 'type=ext4', '-o', `device=${disk}`, '-o', 'o=loop', 'disk');
    await ok('volume', 'create', '-o', 'type=none', '-o', `device=${folder('bound')}`, '-o', 'o=bind,ro', 'bound');
    assert.deepEqual(await mountsBelow('/volumes/'), []);
    await sleeper('one', '-v', 'memory:/m', '-v', 'disk:/k', '-v', 'bound:/b');
    assert.match(await ok('exec', 'one', 'ls', '-ldn', '/m'), /^drwx------ +\d+ 1000 +0 /);
    assert.equal(
      await ok('exec', 'one', 'sh', '-c', 'touch /m/here /k/here; touch /b/no 2>&1; true'),
      'touch: /b/no: Read-only file system',
    );
    // Making another user, which looks into the volume, takes nothing away from the first.
    await ok('create', '--name', 'two', '--network', 'none', '-v', 'memory:/m', IMAGE, 'ls', '/m');
    assert.equal(await ok('start', '-a', 'two'), 'here');
    await daemon.kill9();
    await daemon.start();
    assert.equal(await ok('start', '-a', 'two'), 'here');
    assert.equal((await mountsBelow('/volumes/')).length, 3);
    await ok('kill', 'one');
    await eventually('the volumes to be unmounted', async () => (await mountsBelow('/volumes/')).length === 0);
    assert.equal(await once('-v', 'memory:/m', '-v', 'disk:/k', IMAGE, 'sh', '-c', 'ls /m; ls /k'), 'here\nlost+found');
  });

  test('a volume that ended its users while the daemon was down is unmounted at the next start', async () => {
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'memory');
    await sleeper('one', '-v', 'memory:/m');
    const pid = Number(await ok('inspect', '-f', '{{.State.Pid}}', 'one'));
    await daemon.kill9();
    process.kill(pid, 'SIGKILL');
    await daemon.start();
    await eventually('the volume to be unmounted', async () => (await mountsBelow('/volumes/')).length === 0);
  });

  test('a volume that cannot be mounted says why, and leaves nothing behind', async () => {
    await ok('volume', 'create', '-o', 'type=none', '-o', `device=${folder('gone')}/x`, '-o', 'o=bind', 'gone');
    await refused(
      /mounting volume 'gone': failed to mount local volume: mount \S+gone\/x \(type none, bind\): .* does not exist/,
      'run',
      '--rm',
      '-v',
      'gone:/x',
      IMAGE,
      'true',
    );
    await ok('volume', 'create', '-o', 'type=nosuchfs', '-o', 'device=x', 'strange');
    await refused(/this kernel has no file system nosuchfs/, 'run', '--rm', '-v', 'strange:/x', IMAGE, 'true');
    await ok('volume', 'create', '-o', 'type=cifs', '-o', 'device=//127.0.0.1/s', '-o', 'o=username=a,password=secret', 'share');
    const { stderr } = await daemon.docker('run', '--rm', '-v', 'share:/x', IMAGE, 'true');
    assert.match(stderr, /password=\*{8}/);
    assert.ok(!(stderr + daemon.log()).includes('secret'));
    assert.equal(await ok('ps', '-aq'), '');
    for (const [pattern, ...options] of [
      [/missing required option: "device"/, '-o', 'o=size=1m'],
      [/invalid option: "colour"/, '-o', 'colour=red'],
      [/plugin "rex" not found/, '-d', 'rex'],
      [/no quota support/, '-o', 'size=1g'],
      [/ClusterVolumeSpec is not supported|not a swarm manager/, '--scope', 'single'],
    ] as const)
      await refused(pattern, 'volume', 'create', ...options, 'bad');
  });

  test('volumes of other containers are taken over, the last one named wins, and its own mounts win over all', async () => {
    await sleeper('first', '-v', 'v1:/data', '-v', '/anonymous', '--tmpfs', '/scratch');
    await sleeper('second', '-v', 'v2:/data:ro');
    const taken = async (...args: string[]) => {
      const id = await ok('create', ...args, IMAGE, 'true');
      return ok('inspect', '-f', '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}} {{.RW}}{{end}}{{end}} {{len .Mounts}}', id);
    };
    assert.equal(await taken('--volumes-from', 'first', '--volumes-from', 'second'), 'v2 false 2');
    assert.equal(await taken('--volumes-from', 'second', '--volumes-from', 'first:ro'), 'v1 false 2');
    assert.equal(await taken('--volumes-from', 'second', '-v', 'v3:/data'), 'v3 true 1');
    await refused(/No such container: nobody/, 'create', '--volumes-from', 'nobody', IMAGE);
    await refused(/invalid volumes-from specification: 'first:foo'/, 'create', '--volumes-from', 'first:foo', IMAGE);
  });

  test('volumes in use stay, prune takes the anonymous ones unless told otherwise, and lists can be narrowed', async () => {
    const id = await ok('create', '--name', 'user', '-v', 'used:/u', IMAGE, 'true');
    await refused(new RegExp(`remove used: volume is in use - \\[${id}\\]`), 'volume', 'rm', 'used');
    await refused(/in use/, 'volume', 'rm', '-f', 'used');
    await refused(/no such volume/, 'volume', 'rm', 'nothing');
    await ok('volume', 'create', '--label', 'keep', '--label', 'tier=db', 'named');
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'options');
    const anonymous = await ok('volume', 'create');
    const list = async (...filters: string[]) =>
      (await ok('volume', 'ls', '-q', ...filters.flatMap((f) => ['-f', f]))).split('\n').filter(Boolean);
    assert.deepEqual(await list('dangling=false'), ['used']);
    assert.deepEqual(await list('dangling=true', 'name=n'), ['named', 'options']);
    assert.deepEqual(await list('label=tier=db', 'driver=local'), ['named']);
    assert.deepEqual(await list('driver=rex'), []);
    await refused(/invalid filter 'colour'/, 'volume', 'ls', '-f', 'colour=red');
    await refused(/can only update cluster volumes/, 'volume', 'update', '--availability', 'drain', 'named');
    const shown = await ok('system', 'df', '-v', '--format', '{{range .Volumes}}{{.Name}} {{.Links}},{{end}}');
    assert.deepEqual(shown.split(',').filter(Boolean).sort(), [`${anonymous} 0`, 'named 0', 'options 0', 'used 1'].sort());
    assert.match(await ok('volume', 'prune', '-f'), new RegExp(`^Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: \\S+$`));
    assert.match(await ok('volume', 'prune', '-af', '--filter', 'label!=keep'), /^Total reclaimed space: 0B$/);
    assert.match(await ok('volume', 'prune', '-af'), /named/);
    assert.deepEqual(await list(), ['options', 'used']);
  });

  test('kill -9 in the middle of starts leaves no mount, and containers can be started again', async () => {
    await once('-v', 'data:/d', IMAGE, 'mkdir', '/d/part');
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'memory');
    const names = Array.from({ length: 6 }, (_, i) => `c${i}`);
    for (const name of names)
      await ok(
        ...['create', '--name', name, '--network', 'none', '--mount', 'type=volume,src=data,dst=/x,volume-subpath=part'],
        ...['-v', 'memory:/m', '--mount', `type=image,src=${IMAGE},dst=/img`, IMAGE, 'sleep', '1000'],
      );
    const starts = names.map((name) => daemon.docker('start', name));
    await sleep(60);
    await daemon.kill9();
    await Promise.all(starts);
    await daemon.start();
    await eventually(
      'what was half done to be gone',
      async () => (await mountsBelow('/run/mounts/')).length === 0 && foldersIn('run/mounts').length === 0,
    );
    await Promise.all(names.map((name) => daemon.docker('start', name)));
    assert.equal((await ok('ps', '-q')).split('\n').length, names.length);
    rmSync(path.join(daemon.root, 'host'), { recursive: true });
  });
});
