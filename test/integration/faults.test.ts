// What breaks outside of the daemon: each is a clear error, and the rest goes on.
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { EngineClient } from '../support/engine-client.ts';
import { eventually, imageFile, must, PROJECT, run, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';

/** A file system of `megabytes` in memory. */
async function smallDisk(megabytes: number): Promise<AsyncDisposable & { path: string; fill(): Promise<void>; free(): void }> {
  const at = mkdtempSync('/var/tmp/gantry-disk-');
  await must('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', at]);
  const filler = path.join(at, 'filler');
  return {
    path: at,
    async fill() {
      const file = openSync(filler, 'a');
      try {
        for (let size = 65_536; size >= 1; size = Math.floor(size / 16)) writeUntilFull(file, size);
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
    async [Symbol.asyncDispose]() {
      await must('umount', ['--lazy', at]);
      rmSync(at, { recursive: true });
    },
  };
}

function writeUntilFull(file: number, size: number): void {
  try {
    for (;;) writeSync(file, Buffer.alloc(size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

async function fails(daemon: TestDaemon, words: RegExp, ...args: string[]): Promise<void> {
  const outcome = await daemon.docker(...args);
  assert.notEqual(outcome.status, 0, `docker ${args.join(' ')} succeeded`);
  assert.match(outcome.stderr, words);
}

suite('a full disk', () => {
  test('is named by what needs room, and what runs and makes room goes on', async () => {
    await using disk = await smallDisk(32);
    await using daemon = await startDaemon({ images: ['busybox'], flags: ['--data-root', path.join(disk.path, 'data')] });
    const ticker = 'trap "exit 3" TERM; while true; do echo some line; sleep 0.1; done';
    for (const name of ['one', 'two', 'three']) await daemon.ok('run', '-d', '-p', '80', '--name', name, IMAGE, 'sh', '-c', ticker);
    const file = path.join(daemon.root, 'file');
    writeFileSync(file, Buffer.alloc(2 ** 20, 'x'));
    await fails(daemon, /no space left on device/i, 'load', '-q', '-i', await imageFile('debian'));
    // All of it: what goes later would make room on the full disk.
    await eventually('what was half-loaded to be gone', async () => readdirSync(path.join(disk.path, 'data/tmp')).length === 0);
    assert.ok(statfsSync(disk.path).bfree > statfsSync(disk.path).blocks / 2);
    await disk.fill();

    await fails(daemon, /no space left on device/i, 'load', '-q', '-i', await imageFile('debian'));
    await fails(daemon, /no space left on device/i, 'cp', file, 'one:/file');
    const written = await daemon.docker('exec', 'one', 'dd', 'if=/dev/zero', 'of=/zeros', 'bs=64k', 'count=64');
    assert.match(written.stderr, /No space left on device/);
    await daemon.ok('exec', 'one', 'rm', '/zeros');
    await disk.fill();
    assert.equal(await daemon.ok('exec', 'one', 'echo', 'still here'), 'still here');
    assert.equal(await daemon.ok('logs', '--tail', '1', 'one'), 'some line');

    // Whoever makes room must not need it first.
    await daemon.ok('stop', '-t', '5', 'one');
    assert.equal(await daemon.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'one'), 'exited 3');
    await daemon.ok('kill', 'two');
    await daemon.ok('rm', '-f', 'three');
    await daemon.restart();
    assert.equal(await daemon.ok('ps', '-a', '--format', '{{.Names}} {{.State}}'), 'two exited\none exited');

    disk.free();
    assert.equal(await daemon.ok('run', '--rm', IMAGE, 'echo', 'works'), 'works');
    await daemon.ok('start', 'one');
    await daemon.ok('cp', file, 'one:/file');
    assert.equal(await daemon.ok('exec', 'one', 'wc', '-c', '/file'), `${2 ** 20} /file`);
    // Half-made things would hold what they took.
    assert.deepEqual(readdirSync(path.join(disk.path, 'data/tmp')), []);
  });
});

suite('missing programs', () => {
  test('a runtime that is not known or not there is refused at create, by name', async () => {
    await using daemon = await startDaemon({ images: ['busybox'], flags: ['--add-runtime', 'gone=/nowhere/crun'] });
    for (const name of ['nope', 'gone'])
      await fails(daemon, new RegExp(`runtime name: ${name}.*crun`), 'create', '--runtime', name, IMAGE, 'true');
    assert.equal(await daemon.ok('ps', '-aq'), '');
    assert.equal(await daemon.ok('run', '--rm', IMAGE, 'echo', 'works'), 'works');
  });

  test('without crun a start fails by its name, and runc does the work when asked for', async () => {
    await using daemon = await startDaemon({ images: ['busybox'], hidden: ['/usr/bin/crun'] });
    await fails(daemon, /OCI runtime "crun" is not installed/, 'run', '--name', 'first', IMAGE, 'true');
    assert.equal(await daemon.ok('run', '--rm', '--runtime', 'runc', IMAGE, 'echo', 'works'), 'works');
    await daemon.ok('rm', 'first');
  });

  test('without conmon a start fails by its name, and what needs no start works', async () => {
    await using daemon = await startDaemon({ images: ['busybox'], hidden: ['/usr/bin/conmon'] });
    await fails(daemon, /conmon is not installed/, 'run', '--name', 'first', IMAGE, 'true');
    assert.equal(await daemon.ok('inspect', '-f', '{{.State.Status}}', 'first'), 'created');
    await daemon.ok('cp', 'first:/etc/passwd', '-');
    await daemon.ok('rm', 'first');
  });
});

suite('damaged state', () => {
  test('a configuration blob that was overwritten spoils its image alone', async () => {
    await using daemon = await startDaemon({ images: ['busybox', 'debian'] });
    const id = await daemon.ok('inspect', '-f', '{{.Id}}', IMAGE);
    await daemon.stop();
    writeFileSync(path.join(daemon.root, 'data/images/blobs/sha256', id.replace('sha256:', '')), 'overwritten');
    await daemon.start();
    await fails(daemon, /damaged/, 'run', '--rm', '--pull', 'never', IMAGE, 'true');
    await fails(daemon, /damaged/, 'save', '-o', path.join(daemon.root, 'out.tar'), IMAGE);
    assert.equal(await daemon.ok('run', '--rm', 'gantry/debian:12', 'echo', 'works'), 'works');
    await daemon.load('busybox');
    assert.equal(await daemon.ok('run', '--rm', IMAGE, 'echo', 'whole again'), 'whole again');
  });

  test('a file of a layer that was changed fails save by its name, and other images are saved', async () => {
    await using daemon = await startDaemon({ images: ['busybox', 'debian'] });
    const changed =
      (await must('find', [path.join(daemon.root, 'data/layers'), '-path', '*/bin/busybox', '-size', '+100k'])).split('\n')[0] ?? '';
    const bytes = readFileSync(changed);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0xff;
    writeFileSync(changed, bytes);
    const outcome = await daemon.docker('save', '-o', path.join(daemon.root, 'out.tar'), IMAGE);
    assert.notEqual(outcome.status, 0);
    await eventually('the log to name the layer', async () => /layer sha256:[0-9a-f]{12}/.test(daemon.log()), 2000);
    await daemon.ok('save', '-o', path.join(daemon.root, 'debian.tar'), 'gantry/debian:12');
  });

  test('a row that cannot be read is told at the start; its container is left alone until it is removed by force', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    const [spoilt, strange] = [
      await daemon.ok('run', '-d', '--name', 'spoilt', '-v', 'kept:/data', IMAGE, 'sh', '-c', 'echo precious > /data/file; sleep 600'),
      await daemon.ok('run', '-d', '--name', 'strange', IMAGE, 'sleep', '600'),
    ];
    await daemon.ok('run', '-d', '--name', 'whole', IMAGE, 'sleep', '600');
    const pid = Number(await daemon.ok('inspect', '-f', '{{.State.Pid}}', 'spoilt'));
    await daemon.stop();
    const database = new DatabaseSync(path.join(daemon.root, 'data/gantry.db'));
    const change = database.prepare("UPDATE rows SET value = ? WHERE id = ? AND kind <> 'decision'");
    for (const [value, id] of [
      ['{garbage', spoilt],
      ['{}', strange],
      ['7', 'kept'],
    ] as const)
      assert.equal(change.run(value, id).changes, 1);
    database.close();
    await daemon.start();

    for (const id of [spoilt, strange, 'kept']) assert.match(daemon.log(), new RegExp(`cannot be read.*${id}`));
    assert.equal(await daemon.ok('ps', '-a', '--format', '{{.Names}}'), 'whole');
    assert.equal(await daemon.ok('exec', 'whole', 'echo', 'works'), 'works');
    assert.ok(existsSync(`/proc/${pid}`), 'the container was ended');
    await fails(daemon, new RegExp(`${spoilt} cannot be read`), 'inspect', spoilt.slice(0, 12));
    await fails(daemon, /force/, 'rm', spoilt);
    await daemon.ok('rm', '-f', spoilt, strange);
    assert.equal(existsSync(`/proc/${pid}`), false);
    assert.equal(await daemon.ok('run', '--rm', '-v', 'kept:/data', IMAGE, 'cat', '/data/file'), 'precious');
    await daemon.ok('run', '-d', '--name', 'spoilt', IMAGE, 'true');
    await daemon.ok('rm', '-f', 'spoilt', 'whole');
  });
});

suite('starting beside others', () => {
  test('a second daemon on one data root is refused, and told who holds it', async () => {
    await using daemon = await startDaemon();
    const at = (name: string) => path.join(daemon.root, name);
    const flags = [
      '--host',
      `unix://${at('other.sock')}`,
      '--data-root',
      at('data'),
      '--exec-root',
      at('other'),
      '--pidfile',
      at('other.pid'),
    ];
    const second = await run(...daemon.host.inside(path.join(PROJECT, 'bin/gantryd'), flags), { timeout: 10_000 });
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`${at('data')}.*\\b${daemon.pid}\\b`, 's'));
    assert.equal(existsSync(at('other.pid')), false);
    assert.match(await daemon.ok('version', '-f', '{{.Server.Version}}'), /./);
  });

  test('a socket and a pid file that a killed daemon left are replaced', async () => {
    await using daemon = await startDaemon();
    await daemon.kill9();
    assert.ok(statSync(daemon.socket).isSocket());
    assert.ok(existsSync(path.join(daemon.root, 'pid')));
    await daemon.start();
    assert.equal(readFileSync(path.join(daemon.root, 'pid'), 'utf8').trim(), String(daemon.pid));
    assert.equal((await new EngineClient(daemon.socket).call('GET', '/_ping')).status, 200);
  });

  test('a socket at which another program answers is not taken from it', async () => {
    await using daemon = await startDaemon();
    await daemon.stop();
    rmSync(daemon.socket, { force: true });
    const other = createServer().listen(daemon.socket);
    try {
      await assert.rejects(daemon.start(), /gantry\.sock/);
      assert.ok(statSync(daemon.socket).isSocket());
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
    await daemon.start();
  });
});
