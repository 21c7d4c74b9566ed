import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../base/index.ts';
import { memoryStore } from '../../store/index.ts';
import type { TokenReply } from './access.ts';
import { RegistryAccess } from './registry-access.ts';
import { addRobot, removeRobot } from './robots.ts';
import { addRule, replaceRules } from './rules.ts';
import { addTeam, changeTeam } from './teams.ts';
import { addUser, changePassword, changeUser, removeUser } from './users.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const RIGHTS = { repositories: ['team/**'], actions: ['pull', 'push'] };
const pull = { action: 'pull', repository: 'team/app' } as const;
const push = { action: 'push', repository: 'team/app' } as const;
const NOBODY = { kind: 'anonymous', name: '' } as const;

async function open() {
  const store = memoryStore();
  let passed = 0;
  const real = systemClock();
  const clock: Clock = { ...real, now: () => real.now() + passed };
  const access = await RegistryAccess.open({ store, clock, challenge: 'token', tokenLife: 300_000 });
  const later = (milliseconds: number) => {
    passed += milliseconds;
  };
  const get = (query: string, authorization?: string) =>
    access.token({ method: 'GET', authorization, parameters: new URLSearchParams(query), from: '10.0.0.1' });
  const post = (form: string) =>
    access.token({ method: 'POST', authorization: undefined, parameters: new URLSearchParams(form), from: '10.0.0.1' });
  const who = async (authorization: string, from = '10.0.0.1') => {
    const known = await access.authenticate(authorization, from);
    assert.ok('identity' in known, JSON.stringify(known));
    return known.identity;
  };
  return { store, clock, access, later, get, post, who };
}

const text = (reply: TokenReply, key: string) => String((reply.body as Record<string, unknown>)[key]);
const bearer = (reply: TokenReply) => `Bearer ${text(reply, 'token')}`;

test('a registry without users is open, and one with users asks for a name', async () => {
  const { store, access } = await open();
  assert.equal((await access.authorize(NOBODY, pull)).allowed, true);
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  const verdict = await access.authorize(NOBODY, pull);
  assert.deepEqual([verdict.allowed, 'status' in verdict && verdict.status], [false, 401]);
});

test('a changed password, a disabled and a removed user count at the next request, also for tokens that are out', async () => {
  const { store, access, get, who } = await open();
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  await addUser(store, 'bob', 'battery staple', RIGHTS);
  const token = bearer(await get('scope=repository:team/app:pull', basic('ann:correct horse')));
  assert.equal((await who(token)).name, 'ann');
  await changeUser(store, 'ann', { disabled: true });
  for (const header of [token, basic('ann:correct horse')])
    assert.match(JSON.stringify(await access.authenticate(header, 'x')), /ann is disabled/);
  await changeUser(store, 'ann', { disabled: false });
  assert.equal((await who(token)).name, 'ann');
  await changePassword(store, 'ann', 'another horse');
  for (const header of [token, basic('ann:correct horse')]) assert.ok('refused' in (await access.authenticate(header, 'x')));
  assert.equal((await who(basic('ann:another horse'))).name, 'ann');
  await removeUser(store, 'ann');
  assert.ok('refused' in (await access.authenticate(basic('ann:another horse'), 'y')));
});

test('guesses are slowed down for the one who guesses only', async () => {
  const { store, access, who } = await open();
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  for (let i = 0; i < 6; i++) await access.authenticate(basic('ann:guess'), '10.0.0.1');
  const damped = await access.authenticate(basic('ann:correct horse'), '10.0.0.1');
  assert.equal('refused' in damped && damped.status, 429);
  assert.equal((await who(basic('ann:correct horse'), '10.0.0.2')).name, 'ann');
});

test('a token opens what it was asked for and what the rules allow, for its time', async () => {
  const { store, access, later, get, who } = await open();
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  const reply = await get('scope=repository:team/app:pull&scope=repository:other/app:pull,push', basic('ann:correct horse'));
  assert.deepEqual([reply.status, text(reply, 'expires_in'), text(reply, 'scope')], [200, '300', 'repository:team/app:pull']);
  const identity = await who(bearer(reply));
  assert.equal((await access.authorize(identity, pull)).allowed, true);
  const lacking = await access.authorize(identity, push);
  assert.ok(!lacking.allowed && lacking.status === 401 && lacking.error === 'insufficient_scope');
  assert.match(
    access.challenge('https://r:5000', lacking.scopes, lacking.error),
    /^Bearer realm="https:\/\/r:5000\/token",service="gantry-registry",scope="repository:team\/app:pull,push",error="insufficient_scope"$/,
  );
  const never = await access.authorize(identity, { action: 'push', repository: 'other/app' });
  assert.ok(!never.allowed && never.status === 403, 'no token would help');
  later(301_000);
  assert.deepEqual(await access.authenticate(bearer(reply), 'x'), {
    refused: 'the token has expired',
    status: 401,
    error: 'invalid_token',
  });
});

test('a token that was changed, made elsewhere or meant for something else opens nothing', async () => {
  const { store, access, get, post } = await open();
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  const reply = await get('scope=repository:team/app:pull&offline_token=true', basic('ann:correct horse'));
  const [head = '', body = '', signature = ''] = text(reply, 'token').split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  const wider = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  for (const forged of [`${head}.${wider}.${signature}`, `${none}.${body}.`, `${head}.${body}`, '..', 'x', text(reply, 'refresh_token')])
    assert.ok('refused' in (await access.authenticate(`Bearer ${forged}`, 'x')), forged);
  assert.equal((await post(`grant_type=refresh_token&refresh_token=${text(reply, 'token')}`)).status, 401);
  assert.equal((await get('', bearer(reply))).status, 401, 'a token does not prolong itself');
});

test('a refresh token stands for the login until the password changes', async () => {
  const { store, get, post } = await open();
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  const first = await post('grant_type=password&username=ann&password=correct%20horse&access_type=offline&service=gantry-registry');
  const refresh = `grant_type=refresh_token&refresh_token=${text(first, 'refresh_token')}&scope=${encodeURIComponent('repository:team/a:push repository:team/b:pull')}`;
  const second = await post(refresh);
  assert.deepEqual(
    [second.status, text(second, 'scope'), text(second, 'refresh_token')],
    [200, 'repository:team/a:push repository:team/b:pull', 'undefined'],
  );
  await changePassword(store, 'ann', 'another horse');
  const third = await post(refresh);
  assert.deepEqual([third.status, text(third, 'error')], [401, 'invalid_grant']);
  assert.equal((await post('grant_type=password&username=ann&password=wrong')).status, 401);
  assert.equal((await post('grant_type=code')).status, 400);
  assert.equal((await get('scope=what', basic('ann:another horse'))).status, 400);
});

test('a robot has its token, its end and its rights, and its tokens end with it', async () => {
  const { store, clock, access, later, get, who } = await open();
  const rights = { repositories: ['team/*'], actions: ['pull'] };
  const secret = await addRobot(store, 'ci', { ...rights, expiresAt: clock.now() + 100_000 }, clock.now());
  assert.doesNotMatch(JSON.stringify(await store.list('registry.robot')), new RegExp(secret));
  const identity = await who(basic(`ci:${secret}`));
  assert.equal((await access.authorize(identity, pull)).allowed, true);
  assert.match(
    (await access.authorize(identity, push)).reason,
    /nothing allows the robot ci to push team\/app: its own rights are pull of team\/\*/,
  );
  const reply = await get('scope=repository:team/app:pull', basic(`ci:${secret}`));
  assert.ok(Number(text(reply, 'expires_in')) <= 100);
  assert.ok('refused' in (await access.authenticate(basic('ci:gtr_guess'), 'x')));
  later(100_001);
  assert.match(JSON.stringify(await access.authenticate(basic(`ci:${secret}`), 'y')), /ci has expired/);
  await removeRobot(store, 'ci');
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  assert.ok('refused' in (await access.authenticate(bearer(reply), 'y')));
  await assert.rejects(addRobot(store, 'ann', rights, 0), /ann is the name of a user already/);
});

test('members have the rights of their teams, from the moment they join until they leave', async () => {
  const { store, access, who } = await open();
  await addUser(store, 'ann', 'correct horse', { repositories: [], actions: [] });
  await addTeam(store, 'dev', { members: [], ...RIGHTS });
  const may = async () => await access.authorize(await who(basic('ann:correct horse')), push);
  assert.match((await may()).reason, /it has no rights of its own and no team/);
  await changeTeam(store, 'dev', { join: ['ann'] });
  assert.equal((await may()).reason, 'the user ann may push team/app by the team dev');
  await changeTeam(store, 'dev', { leave: ['ann'] });
  assert.equal((await may()).allowed, false);
  await assert.rejects(changeTeam(store, 'dev', { join: ['nobody'] }), /no such user: nobody/);
});

test('rules let strangers pull, keep from what is denied, and hold immutable tags, also in an open registry', async () => {
  const { store, access, get, who } = await open();
  await addRule(store, { name: 'releases', immutable: ['v*'], repositories: ['team/**'] });
  const move = { ...push, tag: 'v1', overwrite: true };
  assert.match(
    (await access.authorize(NOBODY, move)).reason,
    /the tag v1 of team\/app is immutable by the rule releases: it cannot be moved/,
  );
  assert.match((await access.authorize(NOBODY, { action: 'delete', repository: 'team/app', tag: 'v1' })).reason, /cannot be deleted/);
  for (const wish of [{ ...move, tag: 'latest' }, { ...move, overwrite: false }, push])
    assert.equal((await access.authorize(NOBODY, wish)).allowed, true);
  await replaceRules(store, [
    { name: 'public', allow: ['pull'], who: ['everybody'], repositories: ['team/**'] },
    { name: 'secret', deny: ['pull'], who: ['anonymous', 'user:bob'], repositories: ['team/secret'] },
  ]);
  assert.equal((await access.authorize(NOBODY, pull)).allowed, true);
  assert.deepEqual(
    [(await access.authorize(NOBODY, push)).allowed, (await access.authorize(NOBODY, { action: 'ping' })).allowed],
    [false, false],
  );
  const anonymous = await who(bearer(await get('scope=repository:team/app:pull,push')));
  assert.deepEqual(anonymous.grants, [{ type: 'repository', name: 'team/app', actions: ['pull'] }]);
  await addUser(store, 'bob', 'battery staple', { repositories: ['**'], actions: ['pull'] });
  const denied = await access.authorize(await who(basic('bob:battery staple')), { action: 'pull', repository: 'team/secret' });
  assert.equal(denied.reason, 'the rule secret denies the user bob to pull team/secret');
});

test('rules that cannot be read open nothing', async () => {
  const store = memoryStore();
  const access = await RegistryAccess.open({ store, clock: systemClock(), challenge: 'token', tokenLife: 300_000 });
  store.get = async () => Promise.reject(new Error('not JSON'));
  await assert.rejects(access.authorize(NOBODY, push), /users and rules cannot be read: not JSON/);
});
