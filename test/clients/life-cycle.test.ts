// The life of a container as the unmodified Docker client shows it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually, type Footprint, lasting, must, startDaemon, type TestDaemon } from '../support/index.ts';

const IMAGE = 'gantry/busybox';

suite('the life of a container with the docker client', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  const state = (name: string, field = 'Status') => ok('inspect', '-f', `{{.State.${field}}}`, name);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  // A failed test must not fail the next one.
  afterEach(async () => {
    const { stdout } = await daemon.docker('ps', '-aq');
    if (stdout !== '') await daemon.docker('rm', '-f', '-v', ...stdout.trim().split('\n'));
  });
  after(() => daemon[Symbol.asyncDispose]());

  test('create, start, pause, unpause, stop, restart, rename and remove go through their states', async () => {
    await ok('create', '--name', 'life', '--network', 'none', IMAGE, 'sleep', '600');
    assert.equal(await state('life'), 'created');
    await ok('start', 'life');
    assert.equal(await state('life'), 'running');
    await ok('pause', 'life');
    assert.equal(await state('life'), 'paused');
    assert.match((await daemon.docker('exec', 'life', 'true')).stderr, /is paused/);
    await ok('unpause', 'life');
    await ok('restart', '-t', '0', 'life');
    assert.equal(await state('life'), 'running');
    await ok('stop', '-t', '1', 'life');
    assert.equal(await state('life', 'ExitCode'), '137', 'sleep ignores SIGTERM as process 1');
    await ok('rename', 'life', 'second-life');
    const running = await daemon.docker('rm', 'life');
    assert.match(running.stderr, /No such container: life/);
    await ok('rm', 'second-life');
    assert.equal(await ok('ps', '-aq'), '');
  });

  test('a running container is removed only by force, and a name is given once', async () => {
    await ok('run', '-d', '--name', 'kept', '--network', 'none', IMAGE, 'sleep', '600');
    assert.match((await daemon.docker('rm', 'kept')).stderr, /container is running/);
    assert.match(
      (await daemon.docker('create', '--name', 'kept', IMAGE)).stderr,
      /Conflict\. The container name "\/kept" is already in use/,
    );
    assert.match((await daemon.docker('rmi', IMAGE)).stderr, /conflict[\s\S]*is using/i);
    await ok('rm', '-f', 'kept');
  });

  test('logs give both streams back, with tail, timestamps and follow to the end', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'talker',
      '--network',
      'none',
      IMAGE,
      'sh',
      '-c',
      'for i in 1 2 3; do echo line $i; done; echo oops >&2; sleep 1; echo last',
    );
    const followed = await daemon.docker('logs', '-f', 'talker');
    assert.equal(followed.stdout, 'line 1\nline 2\nline 3\nlast\n');
    assert.equal(followed.stderr, 'oops\n');
    assert.equal(await ok('logs', '--tail', '1', 'talker'), 'last');
    assert.match(await ok('logs', '-t', 'talker'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 1$/m);
    assert.equal((await daemon.docker('logs', '--since', '1h', '--until', '30m', 'talker')).stdout, '');
    await ok('rm', 'talker');
  });

  test('wait answers the exit status, attach shows what is written, kill sends the signal named', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'trap',
      '--network',
      'none',
      IMAGE,
      'sh',
      '-c',
      'trap "echo got; exit 7" USR1; echo up; while true; do sleep 0.1; done',
    );
    await eventually('the trap to be set', async () => (await ok('logs', 'trap')) === 'up');
    const attached = daemon.docker('attach', '--no-stdin', 'trap');
    const waited = daemon.docker('wait', 'trap');
    const until = () => String(Math.ceil(Date.now() / 1000));
    await eventually(
      'the client to be attached',
      async () => (await ok('events', '--since', '0', '--until', until(), '--filter', 'container=trap', '--filter', 'event=attach')) !== '',
    );
    await ok('kill', '-s', 'USR1', 'trap');
    assert.equal((await waited).stdout, '7\n');
    assert.deepEqual([(await attached).stdout, (await attached).status], ['got\n', 7]);
    await ok('rm', 'trap');
  });

  test('exec runs attached, detached, as a user, in a folder, with its own exit status', async () => {
    await ok('run', '-d', '--name', 'host', '--network', 'none', IMAGE, 'sleep', '600');
    assert.equal(
      await ok('exec', '-u', 'daemon', '-w', '/tmp', '-e', 'A=b', 'host', 'sh', '-c', 'echo $(id -un) $PWD $A'),
      'daemon /tmp b',
    );
    assert.equal((await daemon.docker('exec', 'host', 'sh', '-c', 'exit 9')).status, 9);
    assert.equal((await daemon.docker('exec', 'host', 'nowhere')).status, 127);
    assert.equal((await daemon.dockerWith({ input: 'typed' }, 'exec', '-i', 'host', 'cat')).stdout, 'typed');
    await ok('exec', '-d', 'host', 'touch', '/done');
    await eventually('the detached exec', async () => (await daemon.docker('exec', 'host', 'test', '-e', '/done')).status === 0);
    assert.match(await ok('top', 'host', '-o', 'pid,args'), /PID\s+COMMAND[\s\S]*sleep 600/);
    await ok('rm', '-f', 'host');
  });

  test('cp goes both ways, keeps to the root through links, and diff shows what changed', async () => {
    await ok('create', '--name', 'files', '--network', 'none', IMAGE, 'true');
    const folder = `${daemon.root}/cp`;
    mkdirSync(`${folder}/in`, { recursive: true });
    writeFileSync(`${folder}/in/note`, 'hello');
    await ok('cp', `${folder}/in`, 'files:/root/');
    await ok('cp', 'files:/root/in/note', `${folder}/out`);
    assert.equal(readFileSync(`${folder}/out`, 'utf8'), 'hello');
    assert.match(await ok('diff', 'files'), /^C \/root\nA \/root\/in\nA \/root\/in\/note$/m);
    const listed = await must('sh', ['-c', '"$@" | tar -t', 'sh', ...flat(daemon.client('cp', 'files:/root/in', '-'))], {
      env: daemon.clientEnv,
    });
    assert.deepEqual(listed.split('\n'), ['in/', 'in/note']);
    assert.match((await daemon.docker('cp', 'files:/nowhere', '-')).stderr, /Could not find the file \/nowhere in container files/);
    const exported = await must('sh', ['-c', '"$@" | tar -t', 'sh', ...flat(daemon.client('export', 'files'))], { env: daemon.clientEnv });
    assert.match(exported, /^root\/in\/note$/m);
    await ok('rm', 'files');
  });

  test('volumes are filled from the image, shared, listed and removed', async () => {
    await ok('volume', 'create', '--label', 'kind=test', 'shared');
    await ok('run', '--rm', '--network', 'none', '-v', 'shared:/data', IMAGE, 'sh', '-c', 'echo kept >/data/file');
    assert.equal(
      await ok('run', '--rm', '--network', 'none', '--mount', 'type=volume,src=shared,dst=/d,readonly', IMAGE, 'cat', '/d/file'),
      'kept',
    );
    assert.equal((await daemon.docker('run', '--rm', '--network', 'none', '-v', 'shared:/d:ro', IMAGE, 'touch', '/d/x')).status, 1);
    assert.equal(await ok('run', '--rm', '--network', 'none', '-v', 'filled:/etc', IMAGE, 'sh', '-c', 'grep -c root /etc/passwd'), '1');
    assert.equal(await ok('volume', 'ls', '-q', '--filter', 'label=kind=test'), 'shared');
    await ok('volume', 'rm', 'shared', 'filled');
  });

  test('a restart policy starts the program again and counts; update changes policy and limits', async () => {
    await ok('run', '-d', '--name', 'phoenix', '--network', 'none', '--restart', 'on-failure:2', IMAGE, 'false');
    await eventually(
      'two restarts',
      async () => (await ok('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'phoenix')) === '2 exited',
    );
    await ok('update', '--restart', 'no', '--memory', '32m', '--memory-swap', '32m', 'phoenix');
    assert.equal(await ok('inspect', '-f', '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}}', 'phoenix'), 'no 33554432');
    await ok('rm', 'phoenix');
  });

  test('a health check turns healthy, then unhealthy, and each turn is an event', async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    const check = ['--health-cmd', 'test ! -e /sick', '--health-interval', '300ms', '--health-retries', '2'];
    await ok('run', '-d', '--name', 'patient', '--network', 'none', ...check, IMAGE, 'sleep', '600');
    const health = () => state('patient', 'Health.Status');
    await eventually('healthy', async () => (await health()) === 'healthy');
    await ok('exec', 'patient', 'touch', '/sick');
    await eventually('unhealthy', async () => (await health()) === 'unhealthy');
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const seen = await ok('events', '--since', since, '--until', until, '--filter', 'event=health_status', '--format', '{{.Action}}');
    assert.deepEqual(seen.split('\n'), ['health_status: healthy', 'health_status: unhealthy']);
    await ok('rm', '-f', 'patient');
  });

  test('events tell the life of a container in order, with its attributes', async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await daemon.docker('run', '--rm', '--name', 'told', '--network', 'none', '--label', 'team=blue', IMAGE, 'sh', '-c', 'exit 5');
    const until = String(Math.ceil(Date.now() / 1000) + 2);
    const seen = await ok(
      'events',
      '--since',
      since,
      '--until',
      until,
      '--filter',
      'container=told',
      '--filter',
      'type=container',
      '--format',
      '{{.Action}} {{index .Actor.Attributes "team"}} {{index .Actor.Attributes "exitCode"}}',
    );
    const actions = seen.split('\n').map((line) => line.trim());
    assert.deepEqual(
      actions.filter((line) => !/^attach/.test(line)),
      ['create blue', 'start blue', 'die blue 5', 'destroy blue'],
    );
  });

  test('an out-of-memory kill is recorded as one', async () => {
    const eat = 'x=a; while true; do x=$x$x; done';
    const outcome = await daemon.docker(
      'run',
      '--name',
      'greedy',
      '--network',
      'none',
      '-m',
      '16m',
      '--memory-swap',
      '16m',
      IMAGE,
      'sh',
      '-c',
      eat,
    );
    assert.equal(outcome.status, 137);
    assert.equal(await state('greedy', 'OOMKilled'), 'true');
    await ok('rm', 'greedy');
  });

  test('stats --no-stream shows the memory limit and the processes', async () => {
    await ok('run', '-d', '--name', 'measured', '-m', '64m', IMAGE, 'sleep', '600');
    const line = await ok('stats', '--no-stream', '--format', '{{.Name}}|{{.MemUsage}}|{{.PIDs}}|{{.NetIO}}', 'measured');
    assert.match(line, /^measured\|[\d.]+[KM]iB \/ 64MiB\|1\|\S+ \/ \S+$/);
    await ok('rm', '-f', 'measured');
  });

  test('prune removes what ended and keeps what runs', async () => {
    await ok('run', '-d', '--name', 'stays', '--network', 'none', IMAGE, 'sleep', '600');
    await ok('run', '--name', 'goes', '--network', 'none', IMAGE, 'true');
    assert.match(await ok('container', 'prune', '-f'), /Deleted Containers:\n[0-9a-f]{64}/);
    assert.equal(await ok('ps', '-a', '--format', '{{.Names}}'), 'stays');
    await ok('rm', '-f', 'stays');
  });

  async function settles(before: Footprint): Promise<void> {
    let now = before;
    const isBefore = eventually('the footprint to be as before', async () => {
      now = lasting(await daemon.footprint());
      return isDeepStrictEqual(now, before);
    });
    await isBefore.catch(() => assert.deepEqual(now, before));
  }

  test('nothing is left on the machine when the last container is gone', async () => {
    const before = lasting(await daemon.footprint());
    await ok('run', '-d', '--name', 'trace', '-p', '127.0.0.1:0:80', '-v', '/anonymous', '-m', '64m', IMAGE, 'sleep', '600');
    await ok('exec', 'trace', 'true');
    await ok('rm', '-f', '-v', 'trace');
    await settles(before);
  });
});

function flat([command, args]: [string, string[]]): string[] {
  return [command, ...args];
}
