// docker build with the real buildx, from the Dockerfile to the container that runs the image.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { eventually, exitOf, start, startDaemon, type TestDaemon } from '../support/index.ts';

suite('docker build with buildx', () => {
  let daemon: TestDaemon;
  const at = (name: string) => path.join(daemon.root, 'work', name);
  const file = (name: string, text: string) => {
    mkdirSync(path.dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  };
  const build = (...args: string[]) => daemon.dockerWith({ cwd: at('.') }, 'build', '--progress', 'plain', ...args);

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'], plugins: ['buildx'] });
    file(
      'app/Dockerfile',
      'FROM gantry/busybox\nWORKDIR /app\nRUN echo made > made\nCOPY . .\nRUN cat file made > both\nCMD ["cat", "both"]\n',
    );
    file('app/file', 'one\n');
    file('app/.dockerignore', '*.log\n');
    file('app/x.log', 'no\n');
  });
  after(() => daemon[Symbol.asyncDispose]());

  test('an image is built, named and run; ids are told in files', async () => {
    const { status, stderr } = await build('-t', 'app', '--iidfile', at('iid'), '--metadata-file', at('metadata'), 'app');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /naming to docker\.io\/library\/app done/);
    assert.equal(await daemon.ok('run', '--rm', 'app'), 'one\nmade');
    const id = readFileSync(at('iid'), 'utf8');
    assert.equal(await daemon.ok('image', 'inspect', '--format', '{{.Id}}', 'app'), id);
    assert.equal(JSON.parse(readFileSync(at('metadata'), 'utf8'))['image.name'], 'docker.io/library/app');
    assert.equal(await daemon.ok('run', '--rm', 'app', 'ls'), 'Dockerfile\nboth\nfile\nmade');
  });

  test('after a change only the steps from its COPY on run again', async () => {
    file('app/file', 'two\n');
    const { stderr } = await build('-t', 'app', 'app');
    assert.match(stderr, /RUN echo made > made\n#\d+ CACHED/);
    assert.doesNotMatch(stderr, /RUN cat file made > both\n#\d+ CACHED/);
    assert.equal(await daemon.ok('run', '--rm', 'app'), 'two\nmade');
  });

  test('a RUN that fails shows its output, its line and its exit code', async () => {
    file('fail/Dockerfile', 'FROM gantry/busybox\nRUN echo last words; exit 7\n');
    const { status, stderr } = await build('fail');
    assert.equal(status, 1);
    assert.match(stderr, /last words/);
    assert.match(stderr, /2 \| >>> RUN echo last words; exit 7/);
    assert.match(stderr, /process "\/bin\/sh -c echo last words; exit 7" did not complete successfully: exit code: 7/);
  });

  test('an image to copy from that is nowhere is shown at its COPY', async () => {
    file('taken/Dockerfile', 'FROM gantry/busybox\nRUN true\nCOPY --from=127.0.0.1:1/nowhere /a /b\n');
    const { stderr } = await build('taken');
    assert.match(stderr, /3 \| >>> COPY --from=127\.0\.0\.1:1\/nowhere \/a \/b/);
  });

  test('COPY --parents keeps the directories, from the root of the context on', async () => {
    file('parents/Dockerfile', 'FROM gantry/busybox\nCOPY --parents src/deep/two.c src/*.c /out/\nRUN cd /out && find . -type f\n');
    file('parents/src/deep/two.c', '2');
    file('parents/src/one.c', '1');
    const { stderr } = await build('parents');
    assert.match(stderr, /\.\/src\/deep\/two\.c/);
    assert.match(stderr, /\.\/src\/one\.c/);
  });

  test('COPY of a path above the context ends at its root, as with BuildKit', async () => {
    file('above/Dockerfile', 'FROM gantry/busybox\nCOPY ../file /d\nRUN cat /d\n');
    file('above/file', 'from the root\n');
    assert.match((await build('above')).stderr, /from the root/);
  });

  test('errors of long Dockerfiles, lines and commands arrive', async () => {
    const long = 'x'.repeat(60_000);
    const filler = `RUN echo ${'x'.repeat(50)}\n`.repeat(2_000);
    file('long/Dockerfile', `FROM gantry/busybox\nRUNX here\n${filler}`);
    assert.match((await build('long')).stderr, /2 \| >>> RUNX here[\s\S]*unknown instruction: RUNX/);
    file('long/Dockerfile', `FROM gantry/busybox\nRUN <<END\nexit 6 # ${long}\nEND\n`);
    assert.match((await build('long')).stderr, /ERROR: failed to build: failed to solve: process "\/bin\/sh -c exit 6 # x+…/);
    file('long/Dockerfile', `FROM gantry/busybox\nRUN echo ${long}${long}\n`);
    assert.match((await build('long')).stderr, /dockerfile line greater than max allowed size of 65535/);
  });

  test('an output that there is not is refused at once, and the client does not wait', async () => {
    const { status, stderr } = await daemon.dockerWith({ cwd: at('.'), timeout: 20_000 }, ...['build', '--output', 'type=bogus', 'app']);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /output of type bogus is not supported/);
  });

  test('a Dockerfile that does not parse is shown at its line', async () => {
    file('bad/Dockerfile', 'FROM gantry/busybox\nRUNX a\n');
    const { stderr } = await build('bad');
    assert.match(stderr, /2 \| >>> RUNX a/);
    assert.match(stderr, /failed to solve: dockerfile parse error on line 2: unknown instruction: RUNX \(did you mean RUN\?\)/);
  });

  test('--check warns, and expects no more than the client', async () => {
    file('warn/Dockerfile', 'from gantry/busybox\nRUN true\nRUN true\n');
    const { status, stdout } = await build('--check', 'warn');
    assert.equal(status, 1);
    assert.match(stdout, /WARNING: ConsistentInstructionCasing/);
  });

  test('secrets, named contexts and hosts reach their steps', async () => {
    file('more/Dockerfile', 'FROM gantry/busybox\nCOPY --from=e x /x\nRUN --mount=type=secret,id=s cat /run/secrets/s /x /etc/hosts\n');
    file('extra/x', 'from extra\n');
    file('secret', 'hush\n');
    const { stderr } = await build('--secret', 'id=s,src=secret', '--build-context', 'e=extra', '--add-host', 'far:10.1.2.3', 'more');
    assert.match(stderr, /hush/);
    assert.match(stderr, /from extra/);
    assert.match(stderr, /10\.1\.2\.3\s+far/);
  });

  test('results go to a directory of the client', async () => {
    file('out/Dockerfile', 'FROM scratch\nCOPY file /deep/er/\n');
    file('out/file', 'content\n');
    const { status, stderr } = await build('--output', at('result'), 'out');
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(at('result/deep/er/file'), 'utf8'), 'content\n');
  });

  test('an interrupted client ends the running step', async () => {
    file('slow/Dockerfile', 'FROM gantry/busybox\nRUN sleep 1234\n');
    const [command, args] = daemon.client('build', '--progress', 'plain', at('slow'));
    const child = start(command, args, { env: daemon.clientEnv });
    let seen = '';
    child.stderr?.on('data', (data) => (seen += data));
    await eventually('the step to run', async () => /\[2\/2\] RUN sleep/.test(seen) && sleepers() > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGTERM');
    assert.notEqual(await exitOf(child), 0);
    await eventually('the step to end', async () => sleepers() === 0);
  });

  test('du shows the cache, and prune empties it', async () => {
    assert.match(await daemon.ok('buildx', 'du'), /Total:\s+[\d.]+k?B/);
    await daemon.ok('builder', 'prune', '--all', '--force');
    assert.match(await daemon.ok('buildx', 'du'), /Reclaimable:\s+0B/);
    assert.equal(await daemon.ok('run', '--rm', 'app'), 'two\nmade');
  });

  /** Processes of the slow step, by their command line. */
  function sleepers(): number {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.filter((pid) => commandOf(pid).startsWith('sleep 1234') || commandOf(pid) === '/bin/sh -c sleep 1234').length;
  }

  test('nothing of the builds is left mounted', () => {
    assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${daemon.root}/data/.*build`));
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
