// Volumes, driven by the docker client.
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, must, startDaemon, type TestDaemon } from '../support/index.ts';
import { Mounting } from '../support/mounting.ts';

const IMAGE = Mounting.image;

suite('volumes with the docker client', () => {
  let daemon: TestDaemon;
  let on: Mounting;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
    on = new Mounting(daemon);
  });
  afterEach(() => on.clear());
  after(() => daemon?.[Symbol.asyncDispose]());

  test('what the options of a volume mount is there for all its users, over kill -9, and goes with the last', async () => {
    const disk = path.join(on.folder('disk'), 'image');
    writeFileSync(disk, '');
    truncateSync(disk, 16 * 1024 * 1024);
    await must('mkfs.ext4', ['-q', disk], { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=1000,mode=700', 'memory');
    await ok('volume', 'create', '-o', 'type=ext4', '-o', `device=${disk}`, '-o', 'o=loop', 'disk');
    await ok('volume', 'create', '-o', 'type=none', '-o', `device=${on.folder('bound')}`, '-o', 'o=bind,ro', 'bound');
    assert.deepEqual(await on.mountsBelow('/volumes/'), []);
    await on.sleeper('one', '-v', 'memory:/m', '-v', 'disk:/k', '-v', 'bound:/b');
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
    assert.equal((await on.mountsBelow('/volumes/')).length, 3);
    await ok('kill', 'one');
    await eventually('the volumes to be unmounted', async () => (await on.mountsBelow('/volumes/')).length === 0);
    assert.equal(await on.once('-v', 'memory:/m', '-v', 'disk:/k', IMAGE, 'sh', '-c', 'ls /m; ls /k'), 'here\nlost+found');
  });

  test('a volume that ended its users while the daemon was down is unmounted at the next start', async () => {
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'memory');
    await on.sleeper('one', '-v', 'memory:/m');
    const pid = Number(await ok('inspect', '-f', '{{.State.Pid}}', 'one'));
    await daemon.kill9();
    process.kill(pid, 'SIGKILL');
    await daemon.start();
    await eventually('the volume to be unmounted', async () => (await on.mountsBelow('/volumes/')).length === 0);
  });

  test('a volume that cannot be mounted says why, and leaves nothing behind', async () => {
    await ok('volume', 'create', '-o', 'type=none', '-o', `device=${on.folder('gone')}/x`, '-o', 'o=bind', 'gone');
    await on.refused(
      /mounting volume 'gone': failed to mount local volume: mount \S+gone\/x \(type none, bind\): .* does not exist/,
      'run',
      '--rm',
      '-v',
      'gone:/x',
      IMAGE,
      'true',
    );
    await ok('volume', 'create', '-o', 'type=none', '-o', `device=${on.folder('closed')}`, '-o', 'o=bind,ro', 'closed');
    await on.refused(
      /cannot copy what the image has at \/etc into volume closed: read-only file system.*nocopy/,
      'create',
      '-v',
      'closed:/etc',
      IMAGE,
    );
    await ok('rm', await ok('create', '-v', 'closed:/etc:nocopy', IMAGE));
    await ok('volume', 'create', '-o', 'type=nosuchfs', '-o', 'device=x', 'strange');
    await on.refused(/this kernel has no file system nosuchfs/, 'run', '--rm', '-v', 'strange:/x', IMAGE, 'true');
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
      await on.refused(pattern, 'volume', 'create', ...options, 'bad');
  });

  test('volumes of other containers are taken over, the last one named wins, and its own mounts win over all', async () => {
    await on.sleeper('first', '-v', 'v1:/data', '-v', '/anonymous', '--tmpfs', '/scratch');
    await on.sleeper('second', '-v', 'v2:/data:ro');
    const taken = async (...args: string[]) => {
      const id = await ok('create', ...args, IMAGE, 'true');
      return ok('inspect', '-f', '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Name}} {{.RW}}{{end}}{{end}} {{len .Mounts}}', id);
    };
    assert.equal(await taken('--volumes-from', 'first', '--volumes-from', 'second'), 'v2 false 2');
    assert.equal(await taken('--volumes-from', 'second', '--volumes-from', 'first:ro'), 'v1 false 2');
    assert.equal(await taken('--volumes-from', 'second', '-v', 'v3:/data'), 'v3 true 1');
    await on.refused(/No such container: nobody/, 'create', '--volumes-from', 'nobody', IMAGE);
    await on.refused(/invalid volumes-from specification: 'first:foo'/, 'create', '--volumes-from', 'first:foo', IMAGE);
  });

  test('volumes in use stay, prune takes the anonymous ones unless told otherwise, and lists can be narrowed', async () => {
    const id = await ok('create', '--name', 'user', '-v', 'used:/u', IMAGE, 'true');
    await on.refused(new RegExp(`remove used: volume is in use - \\[${id}\\]`), 'volume', 'rm', 'used');
    await on.refused(/in use/, 'volume', 'rm', '-f', 'used');
    await on.refused(/no such volume/, 'volume', 'rm', 'nothing');
    await ok('volume', 'create', '--label', 'keep', '--label', 'tier=db', 'named');
    await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'options');
    const anonymous = await ok('volume', 'create');
    const list = async (...filters: string[]) =>
      (await ok('volume', 'ls', '-q', ...filters.flatMap((f) => ['-f', f]))).split('\n').filter(Boolean);
    assert.deepEqual(await list('dangling=false'), ['used']);
    assert.deepEqual(await list('dangling=true', 'name=n'), ['named', 'options']);
    assert.deepEqual(await list('label=tier=db', 'driver=local'), ['named']);
    assert.deepEqual(await list('driver=rex'), []);
    await on.refused(/invalid filter 'colour'/, 'volume', 'ls', '-f', 'colour=red');
    await on.refused(/can only update cluster volumes/, 'volume', 'update', '--availability', 'drain', 'named');
    const shown = await ok('system', 'df', '-v', '--format', '{{range .Volumes}}{{.Name}} {{.Links}},{{end}}');
    assert.deepEqual(shown.split(',').filter(Boolean).sort(), [`${anonymous} 0`, 'named 0', 'options 0', 'used 1'].sort());
    assert.match(await ok('volume', 'prune', '-f'), new RegExp(`^Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: \\S+$`));
    assert.match(await ok('volume', 'prune', '-af', '--filter', 'label!=keep'), /^Total reclaimed space: 0B$/);
    assert.match(await ok('volume', 'prune', '-af'), /named/);
    assert.deepEqual(await list(), ['options', 'used']);
  });
});
