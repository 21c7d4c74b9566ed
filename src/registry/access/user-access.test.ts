import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/index.ts';
import { memoryStore } from '../../store/index.ts';
import { decide, UserAccess } from './user-access.ts';
import { addUser, changePassword, removeUser } from './users.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const RIGHTS = { repositories: ['team/**'], actions: ['pull', 'push'] };
const pull = { action: 'pull', repository: 'team/app' } as const;

test('a registry without users is open, and one with users asks for a name', async () => {
  const store = memoryStore();
  const access = new UserAccess(store, systemClock());
  const nobody = { kind: 'anonymous', name: '', teams: [] } as const;
  assert.equal((await access.authorize(nobody, pull)).allowed, true);
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  const verdict = await access.authorize(nobody, pull);
  assert.deepEqual([verdict.allowed, 'status' in verdict && verdict.status], [false, 401]);
});

test('a changed password and a removed user count at the next request', async () => {
  const store = memoryStore();
  const access = new UserAccess(store, systemClock());
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  await addUser(store, 'bob', 'battery staple', RIGHTS);
  assert.ok('identity' in (await access.authenticate(basic('ann:correct horse'), '10.0.0.1')));
  await changePassword(store, 'ann', 'another horse');
  assert.ok('refused' in (await access.authenticate(basic('ann:correct horse'), '10.0.0.1')));
  assert.ok('identity' in (await access.authenticate(basic('ann:another horse'), '10.0.0.1')));
  await removeUser(store, 'ann');
  assert.ok('refused' in (await access.authenticate(basic('ann:another horse'), '10.0.0.1')));
});

test('guesses are slowed down for the one who guesses only', async () => {
  const store = memoryStore();
  const access = new UserAccess(store, systemClock());
  await addUser(store, 'ann', 'correct horse', RIGHTS);
  for (let i = 0; i < 6; i++) await access.authenticate(basic('ann:guess'), '10.0.0.1');
  const damped = await access.authenticate(basic('ann:correct horse'), '10.0.0.1');
  assert.equal('refused' in damped && damped.status, 429);
  assert.ok('identity' in (await access.authenticate(basic('ann:correct horse'), '10.0.0.2')));
});

test('decide() allows what the rights name and refuses the rest with a reason', () => {
  const user = { password: '', ...RIGHTS };
  assert.equal(decide('ann', user, { action: 'push', repository: 'team/a/b' }).allowed, true);
  assert.match(decide('ann', user, { action: 'pull', repository: 'other/app' }).reason, /not for other\/app/);
  assert.match(decide('ann', user, { action: 'delete', repository: 'team/app' }).reason, /not delete/);
  assert.equal(decide('ann', user, { action: 'catalog' }).allowed, false);
});
