import { invalid } from '../../base/index.ts';
import type { ContainerSpec, ExecSpec } from '../../model/index.ts';
import { capabilitySets, chooseCapabilities } from './capabilities.ts';
import type { OciProcess } from './oci.ts';
import { buildRlimits } from './rlimits.ts';
import type { ContainerUser } from './users.ts';

/** The search path where neither image nor user gives one. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ProcessFacts {
  user: ContainerUser;
  /** Capabilities that the daemon may hand on. */
  capabilities: ReadonlySet<string>;
  /** The daemon's own hard limits by short name. */
  hardLimits: Record<string, number>;
  /** The daemon has CAP_SYS_RESOURCE: it may go above its own limits. */
  mayRaiseLimits: boolean;
}

/** `NAME=value` entries in order; a later entry of the same name wins in the place of the first; `NAME` alone removes it. */
export function mergeEnvironment(base: readonly string[], overlay: readonly string[]): string[] {
  const merged = new Map<string, string | undefined>();
  for (const entry of [...base, ...overlay]) {
    const equals = entry.indexOf('=', 1);
    if (equals < 0) merged.delete(entry);
    else merged.set(entry.slice(0, equals), entry);
  }
  return [...merged.values()].filter((entry) => entry !== undefined);
}

function environment(spec: ContainerSpec, tty: boolean, home: string, extra: readonly string[]): string[] {
  const base = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${spec.hostname}`, ...(tty ? ['TERM=xterm'] : [])];
  const merged = mergeEnvironment(mergeEnvironment(base, spec.environment), extra);
  return merged.some((entry) => entry.startsWith('HOME=')) ? merged : [...merged, `HOME=${home}`];
}

/** The main process of a container. `initTarget` is put before the command when an init is wanted. */
export function buildProcess(spec: ContainerSpec, facts: ProcessFacts, initTarget: string | undefined): OciProcess {
  const args = [...spec.entrypoint, ...spec.command];
  if (args.length === 0) throw invalid('no command specified');
  const capabilities = containerCapabilities(spec, spec.privileged, facts);
  return {
    terminal: spec.tty,
    user: processUser(facts.user),
    args: initTarget ? [initTarget, '--', ...args] : args,
    env: environment(spec, spec.tty, facts.user.home, []),
    cwd: spec.workingDirectory || '/',
    capabilities: capabilitySets(capabilities, facts.user.uid),
    rlimits: buildRlimits(spec.ulimits, facts.hardLimits, facts.mayRaiseLimits),
    noNewPrivileges: spec.noNewPrivileges,
    ...oomScore(spec, facts),
  };
}

/** A further process: as the container's own, but for what the exec asks. */
export function buildExecProcess(
  spec: ContainerSpec,
  exec: ExecSpec,
  facts: ProcessFacts,
  size: { rows: number; columns: number } | undefined,
): OciProcess {
  if (exec.command.length === 0) throw invalid('No exec command specified');
  const capabilities = containerCapabilities(spec, spec.privileged || exec.privileged, facts);
  return {
    terminal: exec.tty,
    ...(size && exec.tty ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    user: processUser(facts.user),
    args: exec.command,
    env: environment(spec, exec.tty, facts.user.home, exec.environment),
    cwd: exec.workingDirectory || spec.workingDirectory || '/',
    capabilities: capabilitySets(capabilities, facts.user.uid),
    rlimits: buildRlimits(spec.ulimits, facts.hardLimits, facts.mayRaiseLimits),
    noNewPrivileges: spec.noNewPrivileges,
    ...oomScore(spec, facts),
  };
}

export function containerCapabilities(spec: ContainerSpec, privileged: boolean, facts: Pick<ProcessFacts, 'capabilities'>): string[] {
  return chooseCapabilities({ privileged, add: spec.capabilitiesAdd, drop: spec.capabilitiesDrop, available: facts.capabilities });
}

function processUser(user: ContainerUser): OciProcess['user'] {
  return { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids };
}

function oomScore(spec: ContainerSpec, facts: ProcessFacts): { oomScoreAdj?: number } {
  const score = spec.oomScoreAdjust;
  if (score < -1000 || score > 1000) throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  if (score < 0 && !facts.mayRaiseLimits) {
    throw invalid(`OomScoreAdj ${score}: this host lets no container go below 0, for the daemon lacks CAP_SYS_RESOURCE`);
  }
  return score === 0 ? {} : { oomScoreAdj: score };
}
