import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { plainExec } from '../model/testing/spec.ts';
import { canRun, collect, exitsOf, Harness } from './testing/harness.ts';

const logOptions = { framing: 'raw' as const, stdout: true, stderr: true, timestamps: false };

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe('a daemon that starts again', { skip: !canRun && 'needs root, busybox and conmon', timeout: 60_000 }, () => {
  test('finds what runs, joins its streams and hears of its end', async () => {
    await using harness = new Harness();
    const first = await harness.open();
    const request = harness.request({
      command: ['sh', '-c', 'echo early; read line; echo got $line; exit 5'],
      openStdin: true,
      stdinOnce: true,
    });
    const handle = await first.create(request);
    await first.start(request.id);
    const second = await harness.open();
    const exited = exitsOf(second);
    assert.deepEqual(await second.adopt(request.id), { status: 'running', ...handle });
    const session = await second.attach(request.id);
    const output = collect(session);
    session.write(Buffer.from('word\n'));
    assert.match((await output.ended).stdout, /got word\n$/);
    assert.equal((await exited(request.id)).exitCode, 5);
    assert.equal(
      await text(second.readLogs({ id: request.id, ...logOptions, follow: true }, AbortSignal.timeout(5000))),
      'early\ngot word\n',
    );
  });

  test('finds what ended meanwhile, with its code and time', async () => {
    await using harness = new Harness();
    const first = await harness.open();
    const exited = exitsOf(first);
    const request = harness.request({ command: ['sh', '-c', 'exit 9'] });
    await first.create(request);
    await first.start(request.id);
    const { finishedAt } = await exited(request.id);
    const second = await harness.open();
    const told: string[] = [];
    second.onExit(({ id }) => told.push(id));
    assert.deepEqual(await second.adopt(request.id), { status: 'stopped', exitCode: 9, finishedAt, oomKilled: false });
    assert.deepEqual(told, []);
    await second.remove(request.id);
    assert.deepEqual(await second.list(), []);
  });

  test('ends a container whose monitor was lost meanwhile', async () => {
    await using harness = new Harness();
    const first = await harness.open();
    const request = harness.request({ command: ['sleep', '100'] });
    const { pid } = await first.create(request);
    await first.start(request.id);
    const second = await harness.open();
    const exited = exitsOf(second);
    await second.adopt(request.id);
    process.kill(Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]), 'SIGKILL');
    assert.equal((await exited(request.id)).exitCode, 137);
    assert.ok(!existsSync(`/proc/${pid}/exe`));
  });

  test('removes what an earlier one had only begun', async () => {
    await using harness = new Harness();
    const first = await harness.open();
    const request = harness.request({ command: ['sleep', '100'] });
    const { pid } = await first.create(request);
    const second = await harness.open();
    assert.equal((await second.adopt(request.id)).status, 'created');
    // As if it had died between the start of the monitor and its word.
    const file = join(harness.base, 'run/containers', request.id, 'run.json');
    const { process: _process, ...record } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(record));
    const third = await harness.open();
    assert.equal((await third.adopt(request.id)).status, 'absent');
    await third.remove(request.id);
    assert.ok(!existsSync(`/proc/${pid}/exe`));
    assert.deepEqual(await third.list(), []);
  });
});

describe('an exec', { skip: !canRun && 'needs root, busybox and conmon', timeout: 60_000 }, () => {
  test('has its own user, directory, environment, input and terminal', async () => {
    await using harness = new Harness();
    const runtime = await harness.open();
    const request = harness.request({ command: ['sleep', '100'], environment: ['A=container', 'B=container'] });
    await runtime.create(request);
    await runtime.start(request.id);
    const exec = (spec: ReturnType<typeof plainExec>, size = {}) =>
      runtime.exec({
        execId: harness.execId(),
        containerId: request.id,
        containerSpec: request.spec,
        rootfs: harness.rootfs,
        spec,
        ...size,
      });

    const plain = await exec(
      plainExec(['sh', '-c', 'id -u; pwd; echo $A $B $HOME; echo oops >&2'], {
        user: 'bob',
        workingDirectory: '/tmp',
        environment: ['A=exec'],
      }),
    );
    assert.deepEqual(await collect(plain.streams ?? assert.fail()).ended, {
      stdout: '1000\n/tmp\nexec container /home/bob\n',
      stderr: 'oops\n',
    });
    assert.equal(await plain.exited, 0);

    const reader = await exec(plainExec(['wc', '-c'], { attachStdin: true }));
    const counted = collect(reader.streams ?? assert.fail());
    reader.streams?.write(Buffer.alloc(70_000));
    reader.streams?.endInput();
    assert.equal((await counted.ended).stdout, '70000\n');

    // crun starts an exec before it sets the terminal's size, so the first look may come too early.
    const size = { size: { rows: 20, columns: 70 } };
    const script = 'until [ "$(stty size 2>&1)" = "20 70" ]; do sleep 0.05; done; echo sized; read x; exit 4';
    const terminal = await exec(plainExec(['sh', '-c', script], { tty: true, attachStdin: true }), size);
    const screen = collect(terminal.streams ?? assert.fail());
    await screen.until('sized');
    terminal.streams?.write(Buffer.from('\n'));
    assert.equal(await terminal.exited, 4);

    const detached = await exec(plainExec(['sleep', '50'], { attachStdout: false, attachStderr: false }));
    assert.equal(detached.streams, undefined);
    await detached.kill();
    assert.equal(await detached.exited, 137);

    const family = await exec(plainExec(['sh', '-c', 'sleep 50 & echo both; wait; exit 5']));
    await collect(family.streams ?? assert.fail()).until('both');
    await family.kill();
    assert.equal(await family.exited, 5, 'the child ended first, and its parent saw that');
    const busy = await exec(plainExec(['sh', '-c', 'while :; do sleep 50; done']));
    await busy.kill();
    assert.equal(await busy.exited, 137);

    await assert.rejects(exec(plainExec(['no-such'])), {
      exitCode: 127,
      message: /OCI runtime exec failed: exec failed: exec: "no-such": executable file not found in \$PATH/,
    });
    await assert.rejects(exec(plainExec(['/etc/passwd'])), { exitCode: 126, message: /permission denied/ });
    await assert.rejects(exec(plainExec(['id'], { user: 'ghost' })), { message: /unable to find user ghost/ });
  });

  test('goes on when the daemon does not, and ends with its container', async () => {
    await using harness = new Harness();
    const first = await harness.open();
    const request = harness.request({ command: ['sleep', '100'] });
    await first.create(request);
    await first.start(request.id);
    const exec = await first.exec({
      execId: harness.execId(),
      containerId: request.id,
      containerSpec: request.spec,
      rootfs: harness.rootfs,
      spec: plainExec(['sleep', '100']),
    });
    const second = await harness.open();
    await second.adopt(request.id);
    assert.equal((await second.processes(request.id, [])).processes.length, 2);
    await second.killAll(request.id);
    assert.equal(await exec.exited, 137);
  });
});

describe('the log of a container', { skip: !canRun && 'needs root, busybox and conmon', timeout: 60_000 }, () => {
  test('is rotated while it is written and followed, without a lost line', async () => {
    await using harness = new Harness();
    const runtime = await harness.open();
    const request = harness.request({
      command: ['sh', '-c', 'i=0; while [ $i -lt 25 ]; do seq $((i * 2000 + 1)) $((i * 2000 + 2000)); i=$((i + 1)); sleep 0.1; done'],
      log: { driver: 'json-file', options: { 'max-size': '300k', 'max-file': '20' } },
    });
    const exited = exitsOf(runtime);
    await runtime.create(request);
    await runtime.start(request.id);
    const follow = text(runtime.readLogs({ id: request.id, ...logOptions, follow: true }, AbortSignal.timeout(20_000)));
    await exited(request.id);
    const expected = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join('');
    assert.ok((await follow) === expected);
    assert.ok((await text(runtime.readLogs({ id: request.id, ...logOptions, follow: false }, AbortSignal.timeout(5000)))) === expected);
    assert.ok(existsSync(join(harness.logDirectory(request.id), 'container.log.00000001')));
    await runtime.remove(request.id);
    assert.ok((await runtime.logSize(request.id)) > 2_000_000);
    await runtime.removeLogs(request.id);
    assert.equal(await runtime.logSize(request.id), 0);
  });

  test('cannot be read with the driver none', async () => {
    await using harness = new Harness();
    const runtime = await harness.open();
    const request = harness.request({ command: ['sleep', '100'], log: { driver: 'none', options: {} } });
    await runtime.create(request);
    assert.throws(() => runtime.readLogs({ id: request.id, ...logOptions, follow: false }, AbortSignal.timeout(1000)), {
      message: /does not support reading/,
    });
    assert.equal(await runtime.logSize(request.id), 0);
  });
});
