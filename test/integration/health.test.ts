// Health checks that act: fast at the start, and restarts of the unhealthy.
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { eventually, PROJECT, run, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';
const LABEL = 'gantry.restart-unhealthy=true';

suite('health that acts', () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', ...stdout.trim().split('\n'));
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  const gantry = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...daemon.host.inside(`${PROJECT}/bin/gantry`, args), { env: daemon.clientEnv });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const state = (format: string) => daemon.ok('inspect', '-f', format, 'patient');
  const health = () => state('{{.State.Health.Status}}');
  const becomes = (status: string) => eventually(`the patient to be ${status}`, async () => (await health()) === status);
  const restarts = async () => Number(await state('{{.RestartCount}}'));
  const eventsSoFar = async () => {
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    return await daemon.ok('events', '--since', '0', '--until', until, '--filter', 'container=patient', '--format', '{{.Action}}');
  };
  /** Sick while /sick is there. */
  const checked = [
    '--health-cmd',
    'cat /sick && exit 3 || true',
    '--health-interval',
    '200ms',
    '--health-retries',
    '2',
    '--network',
    'none',
  ];
  const start = (flags: string[], script = 'exec sleep 1000') =>
    daemon.ok('run', '-d', '--name', 'patient', '--stop-signal', 'KILL', ...checked, ...flags, IMAGE, 'sh', '-c', script);

  test('a container is seen to be healthy soon after it is, whatever its interval', async () => {
    const slow = ['--health-cmd', 'test -e /ready', '--health-interval', '5m', '--network', 'none', '--stop-signal', 'KILL'];
    const before = Date.now();
    await daemon.ok('run', '-d', '--name', 'patient', ...slow, IMAGE, 'sh', '-c', 'sleep 2; touch /ready; exec sleep 1000');
    assert.equal(await health(), 'starting');
    await becomes('healthy');
    // Its first probe by the interval alone would be after five minutes.
    assert.ok(Date.now() - before < 20_000, `after ${Date.now() - before} ms`);
    assert.equal(await state('{{.State.Health.FailingStreak}}'), '0');
    assert.match(await gantry('why', 'patient'), /starting → healthy: the check passed, [2-9]\.\d s after the start/);
    assert.doesNotMatch(await eventsSoFar(), /unhealthy/);
  });

  test('an unhealthy container is restarted when its label asks for it, and gantry why tells the story', async () => {
    await start(['--label', LABEL], 'rm -f /sick; exec sleep 1000');
    await becomes('healthy');
    await daemon.ok('exec', 'patient', 'sh', '-c', 'echo fever >/sick');
    await eventually('a restart', async () => (await restarts()) === 1);
    await becomes('healthy');
    assert.match(await eventsSoFar(), /health_status: unhealthy\nkill\ndie\nstart\nrestart\nhealth_status: healthy$/);
    const why = await gantry('why', 'patient');
    assert.match(why, /Its health is healthy\. It was restarted once for being unhealthy, last at /);
    assert.match(why, /health.* healthy → unhealthy: the check failed 2 times in a row, last with 3: fever/);
    assert.match(why, /restart planned.*label gantry\.restart-unhealthy asks for a restart: at once/);
    assert.match(why, /exited.*\n.*restart.*it was ended because it was unhealthy/);
  });

  test('without the label it goes on running, and why says what to do', async () => {
    await start([]);
    await becomes('healthy');
    await daemon.ok('exec', 'patient', 'touch', '/sick');
    await becomes('unhealthy');
    assert.match(await gantry('why', 'patient'), /unhealthy: the last check ended with 3.* does not ask for it/);
    assert.equal(await state('{{.State.Status}} {{.RestartCount}}'), 'running 0');
  });

  test('restarts in a row wait, which a killed daemon goes on with, and recovery calls them off', async () => {
    await gantry(
      'run',
      '-d',
      '--name',
      'patient',
      '--restart-unhealthy',
      '--stop-signal',
      'KILL',
      ...checked,
      IMAGE,
      'sh',
      '-c',
      'echo fever >/sick; exec sleep 1000',
    );
    await eventually('the second restart to be planned', async () => (await restarts()) === 1 && (await health()) === 'unhealthy');
    await daemon.kill9();
    await daemon.start();
    assert.match(await gantry('why', 'patient'), /restarted once for being unhealthy.* The next restart is at \S+, unless it recovers/);
    assert.equal(await restarts(), 1);
    await eventually('the second restart', async () => (await restarts()) === 2, 60_000);
    await becomes('unhealthy');
    await daemon.ok('exec', 'patient', 'rm', '/sick');
    await becomes('healthy');
    assert.match(await gantry('why', 'patient'), /restart called off.*it is healthy again/);
    await daemon.ok('stop', 'patient');
    assert.equal(await state('{{.State.Status}} {{.RestartCount}}'), 'exited 2');
  });

  test('a daemon that is killed while it ends an unhealthy container starts it again', async () => {
    await start(['--label', LABEL, '--stop-signal', 'WINCH', '--stop-timeout', '3'], 'rm -f /sick; exec sleep 1000');
    await becomes('healthy');
    await daemon.ok('exec', 'patient', 'touch', '/sick');
    await eventually('the end to begin', async () => (await eventsSoFar()).includes('kill'));
    await daemon.kill9();
    await daemon.start();
    await eventually('the restart', async () => (await restarts()) === 1 && (await health()) === 'healthy');
    // Stopped by hand it stays down, also when the daemon starts anew.
    await daemon.ok('kill', 'patient');
    await daemon.restart();
    assert.equal(await state('{{.State.Status}}'), 'exited');
  });

  test('labels that mean nothing are refused or warned about', async () => {
    const { status, stderr } = await daemon.docker('create', '--label', 'gantry.restart-unhealthy=maybe', IMAGE);
    assert.equal(status, 1);
    assert.match(stderr, /gantry\.restart-unhealthy=maybe: it is true or false/);
    assert.match((await daemon.docker('create', '--label', LABEL, IMAGE)).stderr, /has no effect: the container has no health check/);
    assert.match((await daemon.docker('create', '--rm', '--label', LABEL, IMAGE)).stderr, /conflicting options/);
  });
});
