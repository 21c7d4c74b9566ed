// The real buildx against our side of its protocol, with a builder that only plays: what is on the screen, and what ends a build.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { serveFakeBuilder } from '../../src/api/buildkit/testing/serve-fake.ts';
import { eventually, exitOf, PROJECT, run, start } from '../support/index.ts';

suite('buildx with a playing builder', () => {
  const root = mkdtempSync('/var/tmp/gantry-buildx-');
  const at = (name: string) => path.join(root, name);
  const client = path.join(PROJECT, '.cache/clients/docker');
  const env = { DOCKER_HOST: `unix://${at('sock')}`, DOCKER_CONFIG: at('client') };
  let served: Awaited<ReturnType<typeof serveFakeBuilder>>;

  const file = (name: string, text: string) => {
    mkdirSync(path.dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  };
  const buildx = (...args: string[]) => run(client, ['buildx', ...args], { env, cwd: root, timeout: 20_000 });
  const build = (...args: string[]) => buildx('build', '--progress', 'plain', ...args, 'context');

  before(async () => {
    mkdirSync(at('client/cli-plugins'), { recursive: true });
    symlinkSync(path.join(PROJECT, '.cache/clients/cli-plugins/docker-buildx'), at('client/cli-plugins/docker-buildx'));
    file('context/Dockerfile', 'PRINT hello\n');
    file('context/src/a b.txt', 'content\n');
    file('context/empty', '');
    symlinkSync('empty', at('context/link'));
    file('result/out/file', 'result\n');
    served = await serveFakeBuilder(at('sock'));
    served.builder.tree = at('result');
  });
  after(async () => {
    await served[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  test('ls shows the node, its version and platform', async () => {
    assert.match((await buildx('ls')).stdout, /default\*\s+docker[\s\S]*default\s+running\s+v9\.9\.9\s+linux\/amd64/);
  });

  test('the context comes whole, with links and empty files, and the steps are shown', async () => {
    const { status, stderr } = await build('-t', 'me/one:v1', '-t', 'two', '--iidfile', at('iid'));
    assert.equal(status, 0, stderr);
    assert.match(stderr, /#1 PRINT hello\n#1 0\.\d+ hello\n#1 DONE 0\.\ds/);
    assert.deepEqual([...served.builder.context.keys()].sort(), ['Dockerfile', 'empty', 'link', 'src', 'src/a b.txt']);
    assert.match(served.builder.context.get('src/a b.txt') ?? '', /^8 /);
    assert.deepEqual(served.builder.exportedNames, ['me/one:v1', 'two']);
  });

  test('a step that fails is shown with its place in the Dockerfile', async () => {
    file('fail', 'PRINT ok\nFAIL 7\n');
    const { status, stderr } = await build('-f', at('fail'));
    assert.equal(status, 1);
    assert.match(stderr, /#2 ERROR: process "FAIL 7" did not complete successfully: exit code: 7/);
    assert.match(stderr, /fail:2|Dockerfile:2/);
    assert.match(stderr, /2 \| >>> FAIL 7/);
    assert.match(stderr, /ERROR: failed to build: failed to solve: process "FAIL 7" did not complete successfully: exit code: 7/);
  });

  test("a Dockerfile that is not there is told in Docker's words", async () => {
    const { status, stderr } = await build('-f', at('context/none'));
    assert.equal(status, 1);
    assert.match(stderr, /ERROR: failed to build: failed to solve: failed to read dockerfile: open none: no such file or directory/);
  });

  test('a secret of the client reaches the step, and one it has not does not', async () => {
    file('secrets', 'SECRET mine\nSECRET other\n');
    file('mine', 'hush');
    const { stderr } = await build('-f', at('secrets'), '--secret', `id=mine,src=${at('mine')}`);
    assert.match(stderr, /secret: hush/);
    assert.match(stderr, /secret: none/);
  });

  test("an agent of the client's answers, and one that it does not forward is missing", async () => {
    // An agent that has no keys: to anything it answers with an empty list.
    const agent = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(Buffer.from([0, 0, 0, 5, 12, 0, 0, 0, 0])));
    }).listen(at('agent'));
    file('agents', 'AGENT default\n');
    const { stderr } = await build('-f', at('agents'), '--ssh', `default=${at('agent')}`);
    agent.close();
    assert.match(stderr, /agent: 00000005/);
    assert.match((await build('-f', at('agents'))).stderr, /no SSH agent default|unset ssh forward key default/);
  });

  test('the login of the client for a registry is found, for another there is none', async () => {
    file('client/config.json', JSON.stringify({ auths: { 'r.example:5000': { auth: Buffer.from('me:secret').toString('base64') } } }));
    file('logins', 'CREDENTIALS r.example:5000\nCREDENTIALS other.example\n');
    const { stderr } = await build('-f', at('logins'));
    assert.match(stderr, /credentials: {"username":"me","password":"secret"}/);
    assert.match(stderr, /credentials: undefined/);
  });

  test('a tar on standard input is uploaded', async () => {
    const tar = await run('sh', ['-c', 'head -c 3000000 /dev/zero > zeros && tar -cf given.tar zeros'], { cwd: root });
    assert.equal(tar.status, 0);
    const { stderr } = await run('sh', ['-c', `exec '${client}' buildx build --progress plain - < given.tar`], {
      env,
      cwd: root,
      timeout: 20_000,
    });
    assert.match(stderr, /a tar of 30\d{5} bytes/);
  });

  test('--check, and outline and targets, are printed by the client', async () => {
    assert.match((await build('--check')).stdout, /Check complete, no warnings found/);
    file('warn', 'WARN x\n');
    const warned = await build('--check', '-f', at('warn'));
    assert.equal(warned.status, 1);
    assert.match(warned.stdout, /1 warning has been found[\s\S]*WARNING: FakeRule - https:\/\/example\.com\/rule\nwhat is wrong here/);
    assert.match((await build('--call', 'targets')).stdout, /base \(default\)\s+the base/);
    assert.match((await build('--call', 'outline')).stdout, /A\s+1\s+an argument/);
  });

  test('results go to a directory and to a tar of the client', async () => {
    assert.equal((await build('--output', at('local'))).status, 0);
    assert.equal((await run('cat', [at('local/out/file')])).stdout, 'result\n');
    assert.equal((await build('--output', `type=tar,dest=${at('out.tar')}`)).status, 0);
    assert.match((await run('tar', ['tvf', at('out.tar')])).stdout, /out\/file/);
  });

  test('an interrupted client ends its step', async () => {
    file('wait', 'PRINT begun\nWAIT\n');
    const child = start(client, ['buildx', 'build', '--progress', 'plain', '-f', at('wait'), 'context'], {
      env,
      cwd: root,
      timeout: 20_000,
    });
    let seen = '';
    child.stderr?.on('data', (data) => (seen += data));
    await eventually('the step to run', async () => /#2 WAIT/.test(seen));
    // As SIGINT does; but that one is ignored by what runs in the background of a shell.
    child.kill('SIGTERM');
    assert.notEqual(await exitOf(child), 0);
    assert.match(seen, /#2 CANCELED/);
    assert.equal(served.builder.aborted, 1);
  });

  test('a client that is killed ends its build', async () => {
    const before = served.builder.aborted;
    const child = start(client, ['buildx', 'build', '--progress', 'plain', '-f', at('wait'), 'context'], {
      env,
      cwd: root,
      timeout: 20_000,
    });
    let seen = '';
    child.stderr?.on('data', (data) => (seen += data));
    await eventually('the step to run', async () => /#2 WAIT/.test(seen));
    // docker runs its plugin as a child, which would outlive it; closing all of its pipes is not enough.
    await run('pkill', ['-KILL', '-P', String(child.pid)]);
    await exitOf(child);
    await eventually('the build to end', async () => served.builder.aborted === before + 1);
  });

  test('what is refused is named', async () => {
    const { status, stderr } = await build('--network', 'mine');
    assert.equal(status, 1);
    assert.match(stderr, /mine/);
  });
});
