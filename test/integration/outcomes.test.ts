// What becomes of containers, and how it is told: out of memory, restarts, health, and the order of events.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventually, PROJECT, run, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';

suite('outcomes', () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  const state = (name: string, format: string) => daemon.ok('inspect', '-f', format, name);
  const why = async (name: string) => {
    const [command, args] = daemon.host.inside(`${PROJECT}/bin/gantry`, ['why', name]);
    return (await run(command, args, { env: daemon.clientEnv })).stdout;
  };
  /** The actions on one container from `since` to now, oldest first. */
  const actions = async (name: string) => {
    const seconds = String(Math.ceil(Date.now() / 1000) + 1);
    const shown = await daemon.ok('events', '--since', '0', '--until', seconds, '--filter', `container=${name}`, '--format', '{{.Action}}');
    return shown.split('\n');
  };

  test('a container that the kernel ends for want of memory is recorded as such, told and explained', async () => {
    const outcome = await daemon.docker(
      'run',
      '--name',
      'hungry',
      '-m',
      '16m',
      '--memory-swap',
      '16m',
      IMAGE,
      'sh',
      '-c',
      'x=0123456789abcdef; while true; do x=$x$x; done',
    );
    assert.equal(outcome.status, 137, outcome.stderr);
    assert.equal(await state('hungry', '{{.State.OOMKilled}} {{.State.ExitCode}}'), 'true 137');
    assert.deepEqual(
      (await actions('hungry')).filter((action) => ['oom', 'die'].includes(action)),
      ['oom', 'die'],
    );
    assert.match(await why('hungry'), /memory/i);
    await daemon.ok('rm', 'hungry');
  });

  test('on-failure:2 starts a failing container twice more, ever later, and then lets it be', async () => {
    await daemon.ok('run', '-d', '--name', 'failing', '--restart', 'on-failure:2', IMAGE, 'sh', '-c', 'exit 9');
    await eventually('the last restart', async () => (await state('failing', '{{.RestartCount}} {{.State.Status}}')) === '2 exited');
    assert.equal(await state('failing', '{{.State.ExitCode}}'), '9');
    const seen = await actions('failing');
    assert.deepEqual(
      seen.filter((action) => action === 'start' || action === 'die'),
      ['start', 'die', 'start', 'die', 'start', 'die'],
    );
    assert.match(await why('failing'), /\b2\b/);
    await daemon.ok('rm', 'failing');
  });

  test('on-failure leaves a container that succeeded alone, and always does not', async () => {
    await daemon.ok('run', '-d', '--name', 'fine', '--restart', 'on-failure', IMAGE, 'true');
    await daemon.ok('run', '-d', '--name', 'again', '--restart', 'always', IMAGE, 'true');
    await eventually('a restart', async () => Number(await state('again', '{{.RestartCount}}')) >= 2);
    assert.equal(await state('fine', '{{.RestartCount}} {{.State.Status}}'), '0 exited');
    await daemon.ok('stop', 'again');
    const count = await state('again', '{{.RestartCount}}');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await state('again', '{{.RestartCount}} {{.State.Status}}'), `${count} exited`);
    await daemon.ok('rm', 'fine', 'again');
  });

  test('health goes from starting to healthy to unhealthy and back, with an event for each', async () => {
    const flags = ['--health-cmd', 'test -e /well', '--health-interval', '200ms', '--health-retries', '2', '--health-timeout', '5s'];
    await daemon.ok('run', '-d', '--name', 'patient', ...flags, IMAGE, 'sleep', '600');
    assert.match(await state('patient', '{{.State.Health.Status}}'), /starting|unhealthy/);
    const becomes = (status: string) => eventually(status, async () => (await state('patient', '{{.State.Health.Status}}')) === status);
    await becomes('unhealthy');
    await daemon.ok('exec', 'patient', 'touch', '/well');
    await becomes('healthy');
    await daemon.ok('exec', 'patient', 'rm', '/well');
    await becomes('unhealthy');
    const seen = (await actions('patient')).filter((action) => action.startsWith('health_status'));
    assert.deepEqual(seen, ['health_status: unhealthy', 'health_status: healthy', 'health_status: unhealthy']);
    await daemon.ok('rm', '-f', 'patient');
  });

  test('events of run, stop and rm come in the order in which things happened', async () => {
    const id = await daemon.ok('run', '-d', '--name', 'told', IMAGE, 'sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done');
    await daemon.ok('stop', 'told');
    await daemon.ok('rm', 'told');
    const seconds = String(Math.ceil(Date.now() / 1000) + 1);
    const shown = await daemon.ok(
      'events',
      '--since',
      '0',
      '--until',
      seconds,
      '--format',
      '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.container}}',
    );
    const order = shown
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => line.split(' ').slice(0, 2).join(' '));
    assert.deepEqual(order, [
      'container create',
      'network connect',
      'container start',
      'container kill',
      'network disconnect',
      'container die',
      'container stop',
      'container destroy',
    ]);
  });
});
