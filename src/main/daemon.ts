import { chmodSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBuildkitApi } from '../api/buildkit/index.ts';
import { createDockerApi } from '../api/docker/index.ts';
import { listen } from '../api/http/index.ts';
import { createLog, describe, GantryError, randomIds, systemClock } from '../base/index.ts';
import { createBuilder } from '../build/index.ts';
import { createDisk } from '../disk/index.ts';
import { createEngine } from '../engine/index.ts';
import { giveMemoryBack, lockFile, Trash } from '../host/index.ts';
import { createImages, type MakeRoom } from '../images/index.ts';
import { createNetwork } from '../network/index.ts';
import { createRuntime } from '../runtime/index.ts';
import { openStore } from '../store/index.ts';
import { createVolumes } from '../volumes/index.ts';
import { DAEMON_HELP } from './help.ts';
import { type DaemonOptions, parseDaemonOptions } from './options.ts';
import { scanning } from './scanning.ts';
import { settleAtRest } from './settling.ts';
import { VERSION } from './version.ts';

/** Wires the house: what is below comes first, and goes last. */
async function main(): Promise<void> {
  const parsed = parseDaemonOptions(process.argv.slice(2));
  if (parsed.kind === 'help') return void process.stdout.write(DAEMON_HELP);
  if (parsed.kind === 'version') return void process.stdout.write(`gantryd ${VERSION}\n`);
  await run(parsed.options);
}

async function run(options: DaemonOptions): Promise<void> {
  const { dataRoot, execRoot } = options;
  const clock = systemClock();
  const ids = randomIds();
  const log = createLog(options.logLevel, (line) => void process.stderr.write(line), clock.timestamp);
  await using house = new AsyncDisposableStack();

  makeRoot(dataRoot, 0o710);
  makeRoot(execRoot, 0o711);
  house.adopt(lockFile(join(dataRoot, 'gantryd.lock')), (lock) => lock.release());
  house.adopt(lockFile(join(execRoot, 'gantryd.lock')), (lock) => lock.release());
  if (options.pidfile) house.adopt(writePidfile(options.pidfile), (path) => unlinkSync(path));

  const store = house.use(await openStore(join(dataRoot, 'gantry.db')));
  const trash = await Trash.open(dataRoot, { ids, clock, log });
  // Asked when something is pulled or built: the disk stands on all of them, and is there by then.
  const makeRoom: MakeRoom = (purpose, bytes) => disk.makeRoom(purpose, bytes);
  const common = { dataRoot, execRoot, clock, ids, store, trash, makeRoom };
  const images = await createImages({
    ...common,
    log: log.child('images'),
    insecureRegistries: options.insecureRegistries,
    registryMirrors: options.registryMirrors,
    trustPolicy: options.trustPolicy,
  });
  const { scanner, admit } = await scanning({ ...common, ...options, images, log: log.child('scan'), version: VERSION });
  const volumes = await createVolumes({ ...common, log: log.child('volumes') });
  const network = house.use(
    await createNetwork({
      ...common,
      log: log.child('network'),
      defaultAddressPools: options.defaultAddressPools,
      ...(options.bip === undefined ? {} : { bip: options.bip }),
      ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
      exposure: options.expose,
      nameDefaults: options.names,
      ...(options.hostGateway === undefined ? {} : { hostGateway: options.hostGateway }),
      userlandIPv6Proxy: options.relay,
      ...(options.ip === undefined ? {} : { hostBinding: options.ip }),
    }),
  );
  const runtime = await createRuntime({
    ...common,
    log: log.child('runtime'),
    cgroupParent: options.cgroupParent,
    runtimes: options.runtimes,
    defaultRuntime: options.defaultRuntime,
  });
  const engine = house.use(
    createEngine({ ...common, ...options, ...admit, log: log.child('engine'), images, volumes, network, runtime, version: VERSION }),
  );
  await engine.start();
  const builder = house.use(
    createBuilder({
      ...common,
      log: log.child('build'),
      ...{ images, network, runtime },
      defaultRuntime: options.defaultRuntime,
      cgroupParent: options.cgroupParent,
    }),
  );
  await builder.start();
  const disk = house.use(createDisk({ ...common, log: log.child('disk'), engine, builder, limit: options.diskLimit }));
  await disk.start();

  const upgrades = createBuildkitApi({
    ...{ builder, clock, ids, version: VERSION },
    log: log.child('buildkit'),
    host: async () => {
      const { engineId, architecture } = await engine.system.describe();
      return { engineId, architecture, hostGateway: network.get('bridge').subnets[0]?.gateway };
    },
  });
  const docker = createDockerApi({
    engine,
    builder,
    disk,
    scanner,
    version: VERSION,
    log: log.child('docker'),
    clock,
    upgrades,
    defaults: { runtime: options.defaultRuntime, cgroupParent: options.cgroupParent, logOptions: options.logOptions },
  });
  for (const host of options.hosts) {
    house.use(await listen({ host, group: options.group, tls: options.tls, log: log.child('http') }, docker));
  }
  if (options.registry !== undefined) {
    // Loaded on demand: few daemons serve their images.
    const { serveEngineImages } = await import('./registry/engine-images.ts');
    house.use(await serveEngineImages({ ...options, registry: options.registry }, images, clock, log));
  }
  if (options.metricsAddress !== undefined) {
    const { serveMetrics } = await import('./metrics.ts');
    house.use(await serveMetrics(options.metricsAddress, engine, log.child('metrics')));
  }
  process.stdout.write(`gantryd ready: listening on ${options.hosts.join(', ')}\n`);
  using _settling = settleAtRest(giveMemoryBack);
  const signal = await terminated();
  log.info('stopping; containers go on', { signal });
}

/**
 * Only root may look inside. Others may not even pass through the data root: a container's root can put set-user-id programs into its
 * layers, which the host's users could run there (their paths stand in /proc/mounts). The exec root has the socket that a group may use.
 */
function makeRoot(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  chmodSync(path, mode);
}

function writePidfile(path: string): string {
  writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
  return path;
}

function terminated(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
    process.on('SIGHUP', () => undefined);
  });
}

main().then(
  () => leave(0),
  (error) => {
    const hint = error instanceof GantryError && error.hint ? `\n${error.hint}` : '';
    process.stderr.write(`gantryd: ${describe(error)}${hint}\n`);
    leave(1);
  },
);

/**
 * Lets the process end by itself: `process.exit()` joins V8's compile threads, which can take seconds while one of them
 * waits for the main thread. Should a handle keep it alive all the same, it is ended after a moment.
 */
function leave(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(), 1000).unref();
}
