import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startDaemon, type TestDaemon } from '../support/index.ts';
import { assertReality } from './reality.ts';

const IMAGE = 'gantry/busybox:latest';
const COUNT = 'i=0; while :; do echo $i; i=$((i+1)); [ $((i%20)) = 0 ] && sleep 0.02; done';

suite('kill -9 of an idle daemon with 20 containers', () => {
  test('what runs goes on, what ended is told truly, no log line is lost', async () => {
    await using daemon = await startDaemon({ images: ['busybox'] });
    for (let i = 0; i < 8; i++) await daemon.ok('run', '-d', '--name', `sleeper${i}`, IMAGE, 'sleep', '1000');
    for (let i = 0; i < 4; i++) await daemon.ok('run', '-d', '--name', `logger${i}`, IMAGE, 'sh', '-c', COUNT);
    for (let i = 0; i < 4; i++) await daemon.ok('run', '-dit', '--name', `typist${i}`, IMAGE, 'cat');
    for (let i = 0; i < 3; i++) await daemon.ok('run', '-d', '--name', `mortal${i}`, IMAGE, 'sh', '-c', `sleep 2; exit ${i + 5}`);
    await daemon.ok('run', '-d', '--name', 'phoenix', '--restart', 'always', IMAGE, 'sh', '-c', 'sleep 1; exit 1');
    await using typing = await attach(daemon, 'typist0');
    await typing.say('before\n', 'before');

    const downAt = Date.now();
    await daemon.kill9();
    await sleep(3500);
    await daemon.start();
    await assertReality(daemon);

    for (let i = 0; i < 3; i++) {
      const [code, finished] = (await daemon.ok('inspect', '-f', '{{.State.ExitCode}} {{.State.FinishedAt}}', `mortal${i}`)).split(' ');
      assert.equal(Number(code), i + 5);
      const at = Date.parse(finished ?? '');
      assert.ok(
        at > downAt - 1000 && at < downAt + 3500,
        `mortal${i} finished at ${finished}, the daemon was killed at ${new Date(downAt).toISOString()}`,
      );
    }
    for (let i = 0; i < 4; i++) await assertCounts(daemon, `logger${i}`);
    await using again = await attach(daemon, 'typist0');
    await again.say('after\n', 'after');
    await eventually(
      'the restart policy to go on',
      async () => Number(await daemon.ok('inspect', '-f', '{{.RestartCount}}', 'phoenix')) >= 2,
    );
  });
});

/** The log is the whole sequence of numbers, from 0 without a gap. */
async function assertCounts(daemon: TestDaemon, name: string): Promise<void> {
  await daemon.ok('pause', name);
  const numbers = (await daemon.ok('logs', name)).split('\n').map(Number);
  await daemon.ok('unpause', name);
  assert.ok(numbers.length > 100, `${name} has only ${numbers.length} lines`);
  const gap = numbers.findIndex((number, index) => number !== index);
  assert.equal(gap, -1, `${name}: line ${gap} is ${numbers[gap]}`);
}

interface Attached extends AsyncDisposable {
  /** Types, and waits until `answer` comes back. */
  say(text: string, answer: string): Promise<void>;
}

async function attach(daemon: TestDaemon, name: string): Promise<Attached> {
  const socket = connect(daemon.socket);
  let seen = '';
  socket.on('data', (data) => (seen += data.toString()));
  socket.on('error', () => undefined);
  socket.write(
    `POST /containers/${name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  );
  await eventually('the attach to be answered', async () => seen.includes('\r\n\r\n'));
  return {
    async say(text, answer) {
      socket.write(text);
      await eventually(`${name} to say ${answer}`, async () => seen.includes(answer));
    },
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  };
}
