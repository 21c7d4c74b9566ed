import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { must, PROJECT, run } from '../support/command.ts';
import { startGantryRegistry, type TestGantryRegistry } from '../support/gantry-registry.ts';
import { startDaemon, startRegistry, startTestHost, Terminal, type TestDaemon, type TestHost } from '../support/index.ts';

const SERVED = '127.0.0.1:5001';
const PASSWORD = 'correct horse';

let host: TestHost;
let registry: TestGantryRegistry;
let daemon: TestDaemon;
let folder: string;

before(async () => {
  folder = mkdtempSync('/var/tmp/gantry-logins-');
  host = await startTestHost();
  registry = await startGantryRegistry({ host, flags: ['--allow-delete', '--token-life', '10s'] });
  for (const [name, ...rights] of [
    ['ann', '--repository', 'team/**', '--actions', 'pull,push,delete'],
    ['bob', '--repository', 'team/**', '--actions', 'pull'],
  ])
    assert.equal((await addUser(name ?? '', ...rights)).status, 0);
  await registry.command('policy', 'add', 'public', '--allow', 'pull', '--who', 'everybody', '--repository', 'team/public');
  await registry.command('policy', 'add', 'releases', '--immutable', 'v*', '--repository', 'team/**');
  daemon = await startDaemon({ host, images: ['busybox'], flags: ['--registry', SERVED] });
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const addUser = (name: string, ...rights: string[]) =>
  registry.commandWith({ input: `${PASSWORD}\n` }, 'user', 'add', name, '--password-stdin', ...rights);

/** The Docker client of somebody with a configuration of their own. */
function as(name: string) {
  const env = { ...daemon.clientEnv, DOCKER_CONFIG: path.join(folder, name) };
  return (...args: string[]) => daemon.dockerWith({ env }, ...args);
}

const login = (name: string, password = PASSWORD) =>
  daemon.dockerWith(
    { env: { ...daemon.clientEnv, DOCKER_CONFIG: path.join(folder, name) }, input: password },
    ...['login', '--username', name, '--password-stdin', registry.address],
  );

const told = ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr;
const skopeo = (...args: string[]) => host.run('skopeo', args);

test('docker logs in, pushes and pulls with tokens that end between the two, and logs out', async () => {
  const name = `${registry.address}/team/app:1`;
  await daemon.ok('tag', 'gantry/busybox', name);
  const ann = as('ann');
  assert.match(told(await ann('push', name)), /asks for a user name to push|unauthorized|denied/);
  assert.match(told(await login('ann', 'wrong horse')), /unauthorized|denied|incorrect|wrong/);
  assert.match(told(await login('ann')), /Login Succeeded/);
  const pushed = await ann('push', name);
  assert.equal(pushed.status, 0, told(pushed));
  // By then the client has to ask for another token.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await daemon.ok('rmi', name);
  const pulled = await ann('pull', name);
  assert.equal(pulled.status, 0, told(pulled));
  await ann('logout', registry.address);
  assert.notEqual((await ann('pull', name)).status, 0);
});

test('who may only pull is told so by name when pushing, and somebody without a name pulls what is public', async () => {
  const name = `${registry.address}/team/app:bobs`;
  await daemon.ok('tag', 'gantry/busybox', name);
  await login('bob');
  assert.match(told(await as('bob')('push', name)), /nothing allows the user bob to push team\/app/);
  await login('ann');
  const open = `${registry.address}/team/public:1`;
  await daemon.ok('tag', 'gantry/busybox', open);
  assert.equal((await as('ann')('push', open)).status, 0);
  await daemon.ok('rmi', open);
  const pulled = await as('nobody')('pull', open);
  assert.equal(pulled.status, 0, told(pulled));
  assert.notEqual((await as('nobody')('push', open)).status, 0);
});

test('an immutable tag is pushed once; the same again is nothing new, another image is refused, and so is deleting it', async () => {
  const name = `${registry.address}/team/app:v1`;
  const ann = as('ann');
  await login('ann');
  await daemon.ok('tag', 'gantry/busybox', name);
  assert.equal((await ann('push', name)).status, 0);
  assert.equal((await ann('push', name)).status, 0);
  const id = await daemon.ok('create', 'gantry/busybox', 'true');
  await daemon.ok('commit', '--change', 'LABEL other=1', id, name);
  assert.match(told(await ann('push', name)), /the tag v1 of team\/app is immutable by the rule releases/);
  const gone = await skopeo('delete', '--tls-verify=false', '--creds', `ann:${PASSWORD}`, `docker://${name}`);
  assert.match(told(gone), /immutable|denied|DENIED|403/);
});

test('figures are for those who log in, be it a robot that may do nothing else', async () => {
  const token = await registry.command('robot', 'add', 'prometheus', '--repository', 'prometheus-only', '--expires', 'never');
  const status = (...login: string[]) =>
    host.run('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', ...login, `http://${registry.address}/metrics`]);
  assert.equal((await status()).stdout, '401');
  assert.equal((await status('--user', 'prometheus:gtr_wrong')).stdout, '401');
  assert.equal((await status('--user', `prometheus:${token}`)).stdout, '200');
  const elsewhere = await skopeo(
    'list-tags',
    '--tls-verify=false',
    '--creds',
    `prometheus:${token}`,
    `docker://${registry.address}/team/app`,
  );
  assert.match(told(elsewhere), /403 \(Forbidden\)/);
});

test('a robot pulls by skopeo with its token until it is revoked, and users change in place', async () => {
  const token = await registry.command('robot', 'add', 'ci', '--repository', 'team/*', '--expires', '1h');
  assert.match(token, /^gtr_[\w-]{43}$/);
  const inspect = (creds: string) => skopeo('inspect', '--tls-verify=false', '--creds', creds, `docker://${registry.address}/team/app:1`);
  assert.equal((await inspect(`ci:${token}`)).status, 0);
  assert.doesNotMatch(await registry.command('robot', 'ls', '--format', 'json'), new RegExp(token));
  await registry.command('robot', 'rm', 'ci');
  assert.notEqual((await inspect(`ci:${token}`)).status, 0);
  await registry.command('user', 'disable', 'bob');
  assert.notEqual((await inspect(`bob:${PASSWORD}`)).status, 0);
  await registry.command('user', 'enable', 'bob');
  assert.equal((await inspect(`bob:${PASSWORD}`)).status, 0);
  await registry.command('user', 'set', 'bob', '--actions', 'none');
  assert.match(told(await inspect(`bob:${PASSWORD}`)), /nothing allows the user bob|denied/);
  await registry.command('team', 'add', 'readers', '--member', 'bob', '--repository', 'team/app', '--actions', 'pull');
  assert.equal((await inspect(`bob:${PASSWORD}`)).status, 0);
  const verdict = await registry.commandWith({}, 'policy', 'test', 'bob', 'push', 'team/app', '--format', 'json');
  assert.deepEqual([verdict.status, JSON.parse(verdict.stdout).allowed], [1, false]);
});

test("images go to Debian's docker-registry with a password and come back, by skopeo and by docker", async () => {
  // The password is "secret".
  await using peer = await startRegistry(host, 5002, { htpasswd: 'anna:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n' });
  const [ours, theirs] = [`docker://${registry.address}/team`, `docker://${peer.address}/there`];
  const copy = async (from: string, fromCreds: string, to: string, toCreds: string, ...more: string[]) => {
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false', '--src-creds', fromCreds, '--dest-creds', toCreds];
    const copied = await skopeo('copy', '--quiet', '--insecure-policy', ...plain, ...more, from, to);
    assert.equal(copied.status, 0, told(copied));
  };
  for (const format of ['oci', 'v2s2']) {
    await copy(`${ours}/app:1`, `ann:${PASSWORD}`, `${theirs}:${format}`, 'anna:secret', '--format', format);
    await copy(`${theirs}:${format}`, 'anna:secret', `${ours}/back:${format}`, `ann:${PASSWORD}`);
  }
  const env = { ...daemon.clientEnv, DOCKER_CONFIG: path.join(folder, 'both') };
  for (const [user, password, address] of [
    ['anna', 'secret', peer.address],
    ['ann', PASSWORD, registry.address],
  ])
    assert.equal(
      (await daemon.dockerWith({ env, input: password ?? '' }, 'login', '-u', user ?? '', '--password-stdin', address ?? '')).status,
      0,
    );
  const docker = async (...args: string[]) => {
    const done = await daemon.dockerWith({ env }, ...args);
    assert.equal(done.status, 0, told(done));
  };
  await docker('pull', `${peer.address}/there:oci`);
  await docker('tag', `${peer.address}/there:oci`, `${registry.address}/team/again:1`);
  await docker('push', `${registry.address}/team/again:1`);
  await docker('tag', `${peer.address}/there:oci`, `${peer.address}/again:1`);
  await docker('push', `${peer.address}/again:1`);
});

test("an engine's images are closed by the same users and rules, below its data root", async () => {
  const root = path.join(daemon.root, 'data/registry');
  const inspect = (...more: string[]) => skopeo('inspect', '--tls-verify=false', ...more, `docker://${SERVED}/gantry/busybox`);
  assert.equal((await inspect()).status, 0, 'open to everybody at first');
  const gantry = path.join(PROJECT, 'bin/gantry');
  const added = await run(gantry, ['registry', 'user', 'add', 'ann', '--root', root, '--password-stdin', '--actions', 'pull'], {
    input: PASSWORD,
  });
  assert.equal(added.status, 0, told(added));
  assert.match(told(await inspect()), /unauthorized|authentication required|user name/);
  assert.equal((await inspect('--creds', `ann:${PASSWORD}`)).status, 0);
  await must(gantry, ['registry', 'policy', 'add', 'all', '--root', root, '--allow', 'pull', '--who', 'everybody', '--repository', '**']);
  assert.equal((await inspect()).status, 0);
});

test('a password is asked for twice and not shown', async () => {
  using terminal = new Terminal(path.join(PROJECT, 'bin/gantry'), [
    'registry',
    'user',
    'add',
    'eve',
    '--root',
    path.join(registry.root, 'data'),
  ]);
  await terminal.sees(/Password: /);
  terminal.type('a typed secret\r');
  await terminal.sees(/once more: /);
  terminal.type('a typed secret\r');
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.screen, /eve\n$/);
  assert.doesNotMatch(terminal.screen, /typed/);
  assert.match(told(await login('eve', 'a typed secret')), /Login Succeeded/);
});
