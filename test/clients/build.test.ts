// Builds as clients without BuildKit ask for them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { startDaemon, type TestDaemon } from '../support/index.ts';

const DOCKERFILE = `FROM gantry/busybox AS base
ARG WHO=world
ENV GREETING=hello
WORKDIR /srv
RUN echo "$GREETING $WHO" >greeting
FROM base AS unused
RUN exit 1
FROM base
COPY one.txt two.txt ./
RUN cat one.txt two.txt
CMD ["cat", "greeting", "one.txt"]
`;

suite('docker build without BuildKit', () => {
  let daemon: TestDaemon;
  let context: string;
  const build = (...args: string[]) => daemon.dockerWith({ env: { ...daemon.clientEnv, DOCKER_BUILDKIT: '0' } }, 'build', ...args);
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  after(async () => daemon?.[Symbol.asyncDispose]());
  beforeEach(() => {
    context = mkdtempSync(join(tmpdir(), 'gantry-build-'));
    for (const [name, text] of Object.entries({ Dockerfile: DOCKERFILE, 'one.txt': 'one\n', 'two.txt': 'two\n' }))
      writeFileSync(join(context, name), text);
  });

  afterEach(() => rmSync(context, { recursive: true }));

  test('an image is made, runs, and a second build has it from the cache with the same id', async () => {
    const first = await build('--tag', 'demo:1', '--build-arg', 'WHO=you', context);
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /one\ntwo\n[\s\S]*Successfully built [0-9a-f]{12}\nSuccessfully tagged demo:1/);
    assert.equal(await daemon.ok('run', '--rm', 'demo:1'), 'hello you\none');
    const id = await daemon.ok('inspect', '-f', '{{.Id}}', 'demo:1');
    // A time that changes is no change of content.
    utimesSync(join(context, 'one.txt'), 1, 1);
    const again = await build('--quiet', '--build-arg', 'WHO=you', context);
    assert.equal(again.stdout.trim(), id);
  });

  test('each step tells where it ran and what it came to, by ids that are there', async () => {
    writeFileSync(join(context, 'Dockerfile'), 'FROM gantry/busybox AS a\nRUN echo lines\nFROM a\nENV a=b\nCOPY one.txt /\nCMD true\n');
    const first = await build(context);
    const base = (await daemon.ok('inspect', '-f', '{{.Id}}', 'gantry/busybox')).slice('sha256:'.length, 'sha256:'.length + 12);
    const pattern = `Step 1/6 : FROM gantry/busybox AS a
 ---> ${base}
Step 2/6 : RUN echo lines
 ---> Running in ([0-9a-f]{12})
lines
 ---> Removed intermediate container \\1
 ---> ([0-9a-f]{12})
Step 3/6 : FROM a
 ---> \\2
Step 4/6 : ENV a=b
Step 5/6 : COPY one.txt /
 ---> ([0-9a-f]{12})
Step 6/6 : CMD true
 ---> ([0-9a-f]{12})
Successfully built \\4
`;
    const [, , ran, copied] = new RegExp(pattern).exec(first.stdout) ?? assert.fail(first.stdout);
    const cache = await daemon.ok('system', 'df', '--verbose');
    for (const id of [ran, copied]) assert.match(cache, new RegExp(`^${id} `, 'm'));
    const again = await build(context);
    assert.match(
      again.stdout,
      new RegExp(`RUN echo lines\n ---> Using cache\n ---> ${ran}\n[^]*COPY one.txt /\n ---> Using cache\n ---> ${copied}\n`),
    );
    assert.doesNotMatch(again.stdout, /Running in/);
  });

  test('after a change of one file only the steps from its COPY on are done again', async () => {
    await build('--tag', 'demo:2', context);
    writeFileSync(join(context, 'two.txt'), 'three\n');
    const { stdout } = await build('--tag', 'demo:2', context);
    assert.match(stdout, /RUN echo "hello world" >greeting\n ---> Using cache|RUN echo "\$GREETING \$WHO" >greeting\n ---> Using cache/);
    assert.match(stdout, /one\nthree\n/);
  });

  test('a step that fails tells its command and code, and a broken Dockerfile its line', async () => {
    writeFileSync(join(context, 'Dockerfile'), 'FROM gantry/busybox\nRUN echo before; exit 7\n');
    const failed = await build(context);
    assert.equal(failed.status, 7);
    assert.match(failed.stdout, /before/);
    assert.match(failed.stderr, /The command '\/bin\/sh -c echo before; exit 7' returned a non-zero code: 7/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM gantry/busybox\nRUNX echo\n');
    assert.match((await build(context)).stderr, /dockerfile parse error on line 2: unknown instruction: RUNX \(did you mean RUN\?\)/);
    writeFileSync(join(context, 'Dockerfile'), '# nothing\n');
    assert.match((await build(context)).stderr, /failed to parse Dockerfile: file with no instructions/);
    writeFileSync(join(context, 'other'), '');
    assert.match((await build('--file', join(context, 'other'), context)).stderr, /the Dockerfile \(other\) cannot be empty/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM gantry/busybox\nCOPY absent /\n');
    assert.match((await build(context)).stderr, /"\/absent": not found/);
    for (const [instruction, path] of [
      ['COPY', '../one.txt'],
      ['ADD', 'x/../../one.txt'],
      ['COPY', '/../one.txt'],
    ]) {
      writeFileSync(join(context, 'Dockerfile'), `FROM gantry/busybox\n${instruction} ${path} /d\n`);
      const { stderr } = await build(context);
      assert.ok(stderr.includes(`${instruction} failed: forbidden path outside the build context: ${path} ()`), stderr);
    }
    assert.match((await build('--squash', context)).stderr, /squash/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM gantry/busybox\nWORKDIR /etc/passwd\n');
    assert.match((await build(context)).stderr, /^mkdir \/etc\/passwd: not a directory$/m);
  });

  test('what is wrong with a build is told to its client, and is no error of the daemon', async () => {
    const wrong = ['COPY absent /', 'COPY ../one.txt /', 'COPY --chown=nobody-here one.txt /', 'WORKDIR /one.txt', 'RUN exit 3', 'RUNX a'];
    for (const line of wrong) {
      writeFileSync(join(context, 'Dockerfile'), `FROM gantry/busybox\nCOPY one.txt /\n${line}\n`);
      assert.notEqual((await build('--quiet', context)).status, 0, line);
    }
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY absent /\n');
    assert.match((await build(context)).stderr, /"\/absent": not found/);
    assert.doesNotMatch(daemon.log(), /level=error/);
  });

  test('a Dockerfile from standard input joins the context, whose archive then ends without padding', async () => {
    const env = { ...daemon.clientEnv, DOCKER_BUILDKIT: '0' };
    const input = 'FROM gantry/busybox\nCOPY one.txt /\nRUN cat one.txt\n';
    const { status, stdout, stderr } = await daemon.dockerWith({ env, input }, 'build', '-f', '-', context);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /\none\n/);
  });

  test('the cache is told and freed', async () => {
    await build('--tag', 'demo:3', context);
    await daemon.ok('rmi', 'demo:1', 'demo:2', 'demo:3');
    const size = () => daemon.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}');
    assert.match(await size(), /Build Cache [1-9]/);
    await daemon.ok('builder', 'prune', '--all', '--force');
    assert.match(await size(), /Build Cache 0/);
  });
});
