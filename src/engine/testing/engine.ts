import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../base/index.ts';
import { Trash } from '../../host/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { memoryStore, type Store } from '../../store/index.ts';
import { createEngine } from '../create-engine.ts';
import type { Engine } from '../engine.ts';
import { ManualClock } from './clock.ts';
import { FakeHouse } from './house.ts';
import { FakeRuntime } from './runtime.ts';

export interface EngineUnderTest extends AsyncDisposable {
  engine: Engine;
  clock: ManualClock;
  runtime: FakeRuntime;
  house: FakeHouse;
  store: Store;
  /** A second engine over the same store and directories, as after kill -9. */
  reborn(prepare?: (runtime: FakeRuntime, house: FakeHouse) => void): Promise<EngineUnderTest>;
}

export async function engineUnderTest(): Promise<EngineUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-engine-'));
  return await build(root, memoryStore(), new ManualClock(), () => undefined);
}

async function build(
  root: string,
  store: Store,
  clock: ManualClock,
  prepare: (runtime: FakeRuntime, house: FakeHouse) => void,
): Promise<EngineUnderTest> {
  const runtime = new FakeRuntime(clock);
  const house = new FakeHouse();
  prepare(runtime, house);
  let count = 0;
  const ids = { next: () => (++count + 0xabc).toString(16).padEnd(64, '0') };
  const common = { clock, ids, log: silentLog };
  const engine = createEngine({
    ...common,
    dataRoot: root,
    execRoot: root,
    trash: await Trash.open(root, common),
    store,
    images: house.images(),
    network: house.network(),
    volumes: house.volumes(),
    runtime: runtime as unknown as Runtime,
    labels: [],
    insecureRegistries: [],
    registryMirrors: [],
    defaultRuntime: 'crun',
    version: 'test',
  });
  await engine.start();
  return {
    engine,
    clock,
    runtime,
    house,
    store,
    reborn: (then = () => undefined) => build(root, store, clock, then),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}
