import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ageImages } from '../support/age-images.ts';
import { EngineClient } from '../support/engine-client.ts';
import { eventually, imageFile, must, startDaemon, startRegistry, type TestDaemon } from '../support/index.ts';
import { Random } from '../support/random.ts';
import { imageWorker } from './image-workers.ts';
import { maker } from './maker.ts';
import { assertNetworks, networkWorker, noNetworks, startMembers, vandal } from './network-workers.ts';
import { assertReality } from './reality.ts';
import { loader, puller, SHARED_VOLUME, type Tracked, worker } from './workers.ts';

const ROUNDS = Number(process.env.GANTRY_CHAOS_ROUNDS ?? 6);
const SEED = Number(process.env.GANTRY_CHAOS_SEED ?? Math.floor(Math.random() * 1e9));
const IMAGE = 'gantry/busybox:latest';
const WORKERS = 4;
/** Bytes. */
const BUDGET = 64 * 1024 * 1024;

suite(`kill -9 in the middle of work (seed ${SEED}: replay with --seed ${SEED})`, () => {
  test(`${ROUNDS} rounds lose nothing that was acknowledged and leak nothing`, async () => {
    // A budget that is met again and again by what comes: collections are in the mix too.
    await using daemon = await startDaemon({ images: ['busybox'], flags: ['--disk-budget', `${BUDGET}`] });
    await using registry = await startRegistry(daemon.host);
    await registry.add('nginx', 'pulled:1');
    const archive = await imageFile('busybox');
    const random = new Random(SEED);
    for (let round = 1; round <= ROUNDS; round++) {
      const tracked: Tracked[] = [];
      const networks = noNetworks();
      const members = await startMembers(daemon.socket, `r${round}n`, IMAGE);
      const stop = new AbortController();
      const work = [
        ...Array.from({ length: WORKERS }, (_, i) =>
          worker(daemon.socket, `r${round}w${i}`, IMAGE, tracked, new Random(random.integer(2 ** 31))),
        ),
        maker(daemon.socket, `r${round}made`, IMAGE, new Random(random.integer(2 ** 31))),
        networkWorker(daemon.socket, `r${round}n`, members, networks, new Random(random.integer(2 ** 31))),
        ...(round % 2 === 0 ? [vandal(daemon, new Random(random.integer(2 ** 31)), stop.signal)] : []),
        imageWorker(daemon.socket, IMAGE, registry.address, new Random(random.integer(2 ** 31))),
        ...(random.next() < 0.5 ? [loader(daemon.socket, archive)] : [puller(daemon.socket, `${registry.address}/pulled:1`)]),
      ];
      const ended = Promise.all(work);
      // One that fails meanwhile is heard of below: unheard, it would end this process before anything is cleaned up.
      ended.catch(() => undefined);
      await sleep(50 + random.integer(1200));
      await daemon.kill9();
      stop.abort();
      await ended;
      // What nobody uses must be collected as the daemon starts; in half of the rounds that is cut short too.
      ageImages(daemon);
      writeFileSync(path.join(daemon.root, 'data/ballast'), Buffer.alloc(BUDGET, 1));
      if (random.next() < 0.5) await startInVain(daemon, random.integer(800));
      await daemon.start();
      rmSync(path.join(daemon.root, 'data/ballast'));
      const containers = await assertReality(daemon);
      const now = new Map(containers.map((c) => [c.Name.slice(1), c.State.Status]));
      for (const { name, expected, last } of tracked) {
        if (expected !== 'unknown') assert.equal(now.get(name) ?? 'gone', expected, `round ${round}: ${name} after ${last}`);
      }
      await assertNetworks(daemon, networks);
      await clear(daemon);
      await assertImagesWhole(daemon, IMAGE);
    }
  });
});

/** Kills it so many milliseconds after it was started, ready or not. */
async function startInVain(daemon: TestDaemon, milliseconds: number): Promise<void> {
  let killed = false;
  const kill = async () => {
    await sleep(milliseconds);
    killed = true;
    await daemon.kill9();
  };
  const start = async () => {
    await daemon.start().catch((error) => {
      if (!killed) throw error;
    });
  };
  await Promise.all([start(), kill()]);
}

/** What is listed can be saved whole, and nothing half-made is kept beside it. */
async function assertImagesWhole(daemon: TestDaemon, kept: string): Promise<void> {
  const client = new EngineClient(daemon.socket);
  for (const { Id, RepoTags } of await client.json<{ Id: string; RepoTags: string[] }[]>('GET', '/images/json')) {
    const saved = await client.call('GET', `/images/${Id}/get`);
    assert.equal(saved.status, 200, `${RepoTags} cannot be saved: ${saved.body.subarray(0, 300)}`);
    if (!RepoTags.includes(kept)) await client.json('DELETE', `/images/${Id}?force=1`);
  }
  await client.json('POST', '/build/prune?all=1');
  const layers = readdirSync(path.join(daemon.root, 'data/layers'));
  await eventually(`only the layers of ${kept} to be left, not ${layers.join(' ')}`, async () => leftovers(daemon).length === 0);
  // The database moves on between the two looks.
  await eventually('the ledger of the disk to say what du says', async () => {
    const { used } = await client.json<{ used: number }>('GET', '/gantry/disk');
    const seen = Number((await must('du', ['-sx', '--block-size=1', path.join(daemon.root, 'data')])).split('\t')[0]);
    return Math.abs(used - seen) <= seen / 50;
  });
}

/** Layers of no image, and work in progress that nobody works on. */
function leftovers(daemon: TestDaemon): string[] {
  const at = (folder: string) =>
    existsSync(path.join(daemon.root, 'data', folder)) ? readdirSync(path.join(daemon.root, 'data', folder)) : [];
  // The image that is kept has one layer, and one directory of mount points that its containers share.
  return [
    ...at('tmp'),
    ...at('build/scratch'),
    ...at('build/cache-mounts'),
    ...at('../run/build'),
    ...at('../run/mounts'),
    ...at('layers')
      .filter((name) => !name.startsWith('init-'))
      .slice(1),
    ...at('layers')
      .filter((name) => name.startsWith('init-'))
      .slice(1),
  ];
}

/** Every container can be removed, whatever happened to it. */
async function clear(daemon: TestDaemon): Promise<void> {
  const client = new EngineClient(daemon.socket);
  for (const { Id } of await client.json<{ Id: string }[]>('GET', '/containers/json?all=1'))
    await client.json('DELETE', `/containers/${Id}?force=1&v=1`);
  assert.deepEqual(await assertReality(daemon), []);
  await client.json('DELETE', `/volumes/${SHARED_VOLUME}?force=1`);
  await client.json('POST', '/networks/prune');
  await assertNetworks(daemon, noNetworks());
  assert.deepEqual(
    (await client.json<{ Volumes: unknown[] | null }>('GET', '/volumes')).Volumes ?? [],
    [],
    'anonymous volumes that are left',
  );
}
