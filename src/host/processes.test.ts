import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isKind } from '../base/index.ts';
import { interfaceCounters, parseCounters } from './counters.ts';
import { parseOsRelease, processTable, readHostInfo, readRlimits, selectProcesses, watchExit } from './proc.ts';
import { processExists, processStartTime, run, signalIfSame, signalProcess, spawn, which } from './processes.ts';

test('run() passes input, environment and folder, and never a shell', async () => {
  const result = await run('env', ['-C', '/', 'sh', '-c', 'cat; printf %s "$NAME"; pwd'], {
    input: 'in;',
    env: { NAME: '$(id)' },
    cwd: '/tmp',
  });
  assert.deepEqual(result, { code: 0, stdout: 'in;$(id)/\n', stderr: '' });
});

test('run() names the command and what it said when it fails', async () => {
  await assert.rejects(run('sh', ['-c', 'echo broken >&2; exit 3']), /sh -c .* failed with exit code 3: broken/);
  assert.equal((await run('sh', ['-c', 'kill -9 $$'], { allowFailure: true })).code, 137);
});

test('run() says that a program is not installed', async () => {
  await assert.rejects(
    run('no-such-program', []),
    (error) => isKind(error, 'unavailable') && String(error).includes('no-such-program is not installed'),
  );
  await assert.rejects(run('true', [], { cwd: '/no-such-folder' }), /the directory \/no-such-folder does not exist/);
  await assert.rejects(spawn('no-such-program', []), (error) => isKind(error, 'unavailable'));
});

test('run() kills on time-out, abort and too much output', async () => {
  await assert.rejects(run('sleep', ['20'], { timeout: 50 }), /sleep 20 did not end within 50 ms/);
  await assert.rejects(run('yes', [], { maxOutput: 1000 }), /wrote more than 1000 bytes/);
  const abort = new AbortController();
  const running = run('sleep', ['20'], { signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(running, /enough/);
});

test('spawn() gives pid, streams and the way it ended', async () => {
  const child = await spawn('sh', ['-c', 'cat <&3; exit 4'], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
  (child.stdio[3] as NodeJS.WritableStream).end('through 3');
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout ?? []) chunks.push(chunk as Buffer);
  assert.equal(Buffer.concat(chunks).toString(), 'through 3');
  assert.deepEqual(await child.exit, { code: 4, signal: null });
});

test('signalIfSame() spares a process that started at another time', async () => {
  const child = await spawn('sleep', ['20']);
  const started = processStartTime(child.pid);
  assert.ok(started !== undefined && processExists(child.pid));
  assert.equal(signalIfSame(child.pid, started - 1n, 'SIGKILL'), false);
  assert.ok(processExists(child.pid));
  const seen = watchExit(child.pid);
  assert.equal(signalIfSame(child.pid, started, 'SIGKILL'), true);
  await seen;
  assert.equal((await child.exit).signal, 'SIGKILL');
  await watchExit(child.pid);
  assert.equal(signalProcess(child.pid, 0), false);
  assert.throws(() => signalProcess(-1, 'SIGKILL'), /Refusing to signal pid -1/);
});

test('watchExit() sees the end of a process that is not our child, and stops on abort', async () => {
  const { stdout } = await run('sh', ['-c', 'sleep 0.2 >/dev/null & echo $!']);
  const abort = new AbortController();
  const given = watchExit(Number(stdout), abort.signal);
  abort.abort(new Error('no patience'));
  await assert.rejects(given, /no patience/);
  await watchExit(Number(stdout));
  const state = await readFile(`/proc/${stdout.trim()}/stat`, 'utf8').then(
    (text) => text.replace(/.*\) /, '')[0],
    () => 'gone',
  );
  assert.ok(['Z', 'X', 'gone'].includes(state ?? ''), `it has ended, whether or not its parent has looked: ${state}`);
});

test('which() finds programs in the sbin folders too', () => {
  assert.match(which('sh', '') ?? '', /\/sh$/);
  assert.equal(which('no-such-program'), undefined);
});

test('processTable() keeps the wanted pids and the spaces of their command', async () => {
  const child = await spawn('sleep', ['20']);
  try {
    const { titles, rows } = await processTable([child.pid], ['-eo', 'pid,args']);
    assert.deepEqual({ titles, rows }, { titles: ['PID', 'COMMAND'], rows: [[String(child.pid), 'sleep 20']] });
  } finally {
    child.kill('SIGKILL');
  }
  await assert.rejects(processTable([1], ['--no-such-option']), (error) => isKind(error, 'invalid'));
  assert.throws(() => selectProcesses('USER CMD\nroot x', [1]), /Couldn't find PID field in ps output/);
});

test('parseOsRelease() takes the quotes off', () => {
  assert.deepEqual(parseOsRelease('ID=debian\nPRETTY_NAME="A \\"b\\""\n# note\nVERSION_ID=\'12\''), {
    ID: 'debian',
    PRETTY_NAME: 'A "b"',
    VERSION_ID: '12',
  });
});

test('readHostInfo() and readRlimits() tell of this host', () => {
  const info = readHostInfo();
  assert.ok(info.memory > 0 && info.processors > 0 && info.bootTime > 0 && info.kernel !== '');
  const { nofile, core } = readRlimits();
  assert.ok(nofile && nofile.hard >= nofile.soft && nofile.soft > 0);
  assert.ok(core);
});

test('interfaceCounters() reads both directions', () => {
  const text = 'a\nb\n eth0:  1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n';
  assert.deepEqual(parseCounters(text), {
    eth0: { rxBytes: 1, rxPackets: 2, rxErrors: 3, rxDropped: 4, txBytes: 5, txPackets: 6, txErrors: 7, txDropped: 8 },
  });
  assert.ok(interfaceCounters(process.pid)?.['lo']);
  assert.equal(interfaceCounters(4_194_304), undefined);
});
