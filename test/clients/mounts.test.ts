// Mounts, driven by the docker client.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, must, startDaemon, type TestDaemon } from '../support/index.ts';
import { Mounting } from '../support/mounting.ts';

const IMAGE = Mounting.image;
/** Shell that lists the mounts at or below a target: path and access. */
const MOUNTS_AT = (target: string) => `grep -E ' ${target}(/[^ ]*)? ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1`;

suite('mounts with the docker client', () => {
  let daemon: TestDaemon;
  let on: Mounting;
  const ok = (...args: string[]) => daemon.ok(...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
    on = new Mounting(daemon);
  });
  afterEach(() => on.clear());
  after(() => daemon?.[Symbol.asyncDispose]());

  test('a missing source is refused of --mount when the container is made, and made of -v when it starts', async () => {
    const missing = path.join(on.folder('missing'), 'source');
    await on.refused(/bind source path does not exist: .*missing\/source/, 'create', '--mount', `type=bind,src=${missing},dst=/x`, IMAGE);
    await ok('create', '--name', 'made', '-v', `${missing}:/x`, IMAGE, 'true');
    assert.ok(!existsSync(missing));
    await ok('start', '-a', 'made');
    assert.ok(existsSync(missing));
    await on.refused(/creating mount source path '\/proc\/no'/, 'run', '--rm', '-v', '/proc/no:/x', IMAGE, 'true');
  });

  test('read-only is recursive unless told otherwise, and what the host forbids stays forbidden', async () => {
    const top = on.folder('recursive');
    await must('mount', ['-t', 'tmpfs', 'tmpfs', on.folder('recursive/inner')]);
    const strict = on.folder('strict');
    await must('mount', ['--bind', top, strict]);
    await must('mount', ['-o', 'remount,bind,ro,nosuid,nodev,noexec', strict]);
    try {
      const seen = (options: string) => on.once('--mount', `type=bind,src=${top},dst=/x,${options}`, IMAGE, 'sh', '-c', MOUNTS_AT('/x'));
      assert.equal(await seen('bind-recursive=enabled'), '/x rw\n/x/inner rw');
      assert.equal(await seen('bind-recursive=disabled'), '/x rw');
      assert.equal(await seen('readonly'), '/x ro\n/x/inner ro');
      assert.equal(await seen('readonly,bind-recursive=readonly,bind-propagation=rprivate'), '/x ro\n/x/inner ro');
      assert.equal(await seen('readonly,bind-recursive=writable'), '/x ro\n/x/inner rw');
      assert.equal(await seen('readonly,bind-recursive=disabled'), '/x ro');
      writeFileSync(path.join(top, 'file'), 'one file');
      assert.equal(
        await on.once('-v', `${path.join(top, 'file')}:/x:ro`, IMAGE, 'sh', '-c', `cat /x; echo; ${MOUNTS_AT('/x')}`),
        'one file\n/x ro',
      );
      for (const runtime of ['crun', 'runc'])
        assert.match(
          await on.once('--runtime', runtime, '-v', `${strict}:/x`, IMAGE, 'grep', ' /x ', '/proc/mounts'),
          /\/x ext4 ro,nosuid,nodev,noexec|\/x \S+ ro,nosuid,nodev,noexec/,
        );
    } finally {
      await must('umount', [path.join(top, 'inner'), strict]);
    }
  });

  test('mounts of the host reach a container when both agree, and a source that is not shared is refused', async () => {
    const source = on.folder('shared');
    await on.refused(
      /is mounted on \S+ but it is not a shared mount/,
      'run',
      '--rm',
      '-v',
      `${on.folder('plain')}:/x:rshared`,
      IMAGE,
      'true',
    );
    await on.refused(/not a shared or slave mount/, 'run', '--rm', '-v', `${on.folder('plain')}:/x:rslave`, IMAGE, 'true');
    await must('mount', ['--bind', source, source]);
    await must('mount', ['--make-private', source]);
    await must('mount', ['--make-shared', source]);
    try {
      await on.sleeper('taking', '-v', `${source}:/x:rslave`);
      await must('mount', ['-t', 'tmpfs', 'tmpfs', on.folder('shared/later')]);
      assert.equal(await ok('exec', 'taking', 'sh', '-c', MOUNTS_AT('/x/later')), '/x/later rw');
      await must('umount', [path.join(source, 'later')]);
    } finally {
      await must('umount', ['--lazy', source]);
    }
  });

  test('a part of a volume is found inside of it, whatever links say', async () => {
    writeFileSync(path.join(on.folder('secret'), 'f'), 'of the host');
    await on.once(
      '-v',
      'data:/d',
      IMAGE,
      'sh',
      '-c',
      `mkdir -p /d/a/b /d/empty; echo 1 >/d/a/f; ln -s a /d/in; ln -s ${on.folder('secret')} /d/out; ln -s /d/out /d/loop`,
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
    await on.refused(/cannot access path out of volume data/, ...part('out', 'cat', '/x/f'));
    await on.refused(/cannot access path nowhere of volume data: no such file or directory/, ...part('nowhere', 'true'));
    await on.refused(/cannot access path a\/f\/g of volume data: not a directory/, ...part('a/f/g', 'true'));
    await on.refused(/subpath \.\.\/a must be a relative path within the volume/, ...part('../a', 'true'));
    // An empty one is filled from the image, as a whole volume is.
    assert.match(await on.once('--mount', 'type=volume,src=data,dst=/etc,volume-subpath=empty', IMAGE, 'ls', '/etc'), /passwd/);
    // A stopped container's copy goes the same way.
    await ok('create', '--name', 'still', '--mount', 'type=volume,src=data,dst=/x,volume-subpath=in', IMAGE, 'true');
    writeFileSync(path.join(on.folder('copied'), 'g'), 'copied');
    await ok('cp', path.join(on.folder('copied'), 'g'), 'still:/x/g');
    assert.equal(await on.once('-v', 'data:/d', IMAGE, 'cat', '/d/a/g'), 'copied');
  });

  test('a part that is swapped for a link while containers start never shows the host', async () => {
    writeFileSync(path.join(on.folder('secret'), 'f'), 'of the host');
    await on.once('-v', 'data:/d', IMAGE, 'sh', '-c', 'mkdir /d/part; echo mine >/d/part/f');
    const data = await ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'data');
    const [part, aside] = [path.join(data, 'part'), path.join(data, 'aside')];
    symlinkSync(on.folder('secret'), aside);
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
    await must('sh', ['-c', 'mkdir -p x/etc && echo from-image >x/etc/f && tar -C x -cf x.tar .'], { cwd: on.folder('image') });
    await ok('import', path.join(on.folder('image'), 'x.tar'), 'gantry/files:1');
    await on.sleeper(
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
    await on.refused(/container [0-9a-f]{12} is using its referenced image/, 'rmi', 'gantry/files:1');
    await on.refused(
      /cannot be forced\) - image is being used by running container/,
      'rmi',
      '-f',
      await ok('images', '-q', 'gantry/files:1'),
    );
    await ok('restart', '-t', '0', 'user');
    assert.equal(await ok('exec', 'user', 'cat', '/part/f'), 'from-image');
    await ok('stop', 'user');
    await ok('cp', 'user:/img/etc/f', path.join(on.folder('image'), 'copy'));
    assert.equal(readFileSync(path.join(on.folder('image'), 'copy'), 'utf8'), 'from-image\n');
    await on.refused(
      /invalid mount config for type "image": No such image: gantry\/none/,
      'create',
      '--mount',
      'type=image,src=gantry/none,dst=/x',
      IMAGE,
    );
    await on.refused(
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

  test('kill -9 in the middle of starts leaves no mount, and containers can be started again', async () => {
    await on.once('-v', 'data:/d', IMAGE, 'mkdir', '/d/part');
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
      async () => (await on.mountsBelow('/run/mounts/')).length === 0 && readdirSync(path.join(daemon.root, 'run/mounts')).length === 0,
    );
    await Promise.all(names.map((name) => daemon.docker('start', name)));
    assert.equal((await ok('ps', '-q')).split('\n').length, names.length);
    rmSync(path.join(daemon.root, 'host'), { recursive: true });
  });
});
