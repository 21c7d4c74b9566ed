import { mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Clock, Log } from '../base/index.ts';
import { GantryError } from '../base/index.ts';
import { type Cgroups, favorFastMigration, openCgroups, which } from '../host/index.ts';
import { ContainerRuntime } from './container-runtime.ts';
import { sweepExitFiles } from './exits.ts';
import { readHostFacts } from './host-facts.ts';
import { takeControllersOffUnified } from './hybrid.ts';
import { monitorsCgroup, type Workshop } from './launch.ts';
import { OciRuntimes, type RuntimeConfiguration } from './oci-runtimes.ts';
import { RuntimePaths } from './paths.ts';
import type { Runtime } from './runtime.ts';
import { SealedProgram } from './sealed-program.ts';
import { SeccompCache } from './seccomp-cache.ts';

export interface RuntimeOptions {
  /** Logs go to `<dataRoot>/containers/<id>/`. */
  dataRoot: string;
  execRoot: string;
  /** Such as /gantry. */
  cgroupParent: string;
  /** OCI runtimes by name, besides crun and runc. */
  runtimes: Record<string, RuntimeConfiguration>;
  defaultRuntime: string;
  clock: Clock;
  log: Log;
  /** For tests: the host's cgroups otherwise. */
  cgroups?: Cgroups;
}

const INIT_PROGRAMS = ['catatonit', 'docker-init', 'tini-static', 'tini', '/usr/libexec/podman/catatonit'];

/** Opens the runtime room. A missing conmon, OCI runtime, init or seccomp profile is an error only when it is needed. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { clock, log } = options;
  const paths = new RuntimePaths(options.dataRoot, options.execRoot);
  for (const directory of [paths.containers, paths.exits, paths.oci]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  sweepExitFiles(paths);
  const cgroups = options.cgroups ?? openCgroups(log);
  if (cgroups.version === 'v1') takeControllersOffUnified(log);
  if (cgroups.managed) {
    favorFastMigration(options.execRoot, log);
    cgroups.create(posix.join('/', options.cgroupParent, 'monitors'), {}, []);
  }
  const runtimes = new OciRuntimes(
    options.runtimes,
    options.defaultRuntime,
    (name) => paths.ociRoot(name),
    cgroups.managed,
    new SealedProgram(clock, log),
  );
  const initPath = INIT_PROGRAMS.map((name) => which(name)).find((path) => path !== undefined);
  const workshop: Workshop = {
    paths,
    cgroups,
    runtimes,
    facts: readHostFacts(),
    conmon: findMonitor,
    initPath,
    seccomp: new SeccompCache(join(options.execRoot, 'seccomp')),
    cgroupParent: options.cgroupParent,
  };
  if (cgroups.managed) cgroups.create(monitorsCgroup(workshop), {}, []);
  return new ContainerRuntime(workshop, clock, log);
}

function findMonitor(): string {
  const path = which('conmon');
  if (!path)
    throw new GantryError('unavailable', 'conmon is not installed: containers need it as their monitor', { hint: 'Install conmon' });
  return path;
}
