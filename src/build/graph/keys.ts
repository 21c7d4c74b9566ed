import { sha256 } from '../../base/index.ts';
import type { RunMount, RunWork, StepWork } from '../plan/plan.ts';

/** What a step takes from elsewhere, by content. */
export interface StepInputs {
  /** Diff ids of what it stands on; left out for a step that does not depend on it. */
  parent: readonly string[] | undefined;
  /** `CopyPlan.digest` of a copy. */
  copied?: string;
  /** Digests of what is mounted, in the order of the mounts; undefined where nothing is taken. */
  mounted?: readonly (string | undefined)[];
  /** How the build is set up, as far as a process can tell. */
  network?: string;
  extraHosts?: readonly string[];
  sourceDateEpoch: number | undefined;
}

/**
 * The cache key of a step: equal keys mean equal results. The parent counts by what it is, not by how it came to be, so that
 * a step that came out the same again cuts off what follows. What a secret holds never counts, nor do limits.
 */
export function stepKey(work: StepWork, inputs: StepInputs): string {
  return sha256(JSON.stringify({ version: 1, work: identityOf(work), ...inputs, sourceDateEpoch: inputs.sourceDateEpoch ?? null }));
}

function identityOf(work: StepWork): unknown {
  if (work.kind === 'run') return identityOfRun(work);
  if (work.kind === 'workdir') return work;
  // Where the files come from and what they are called there is in their digest.
  const { destination, chown, chmod, link } = work;
  return { kind: work.kind, destination, chown, chmod, link };
}

function identityOfRun(work: RunWork): unknown {
  const { kind, arguments: words, environment, user, workingDirectory, files, network, security } = work;
  return {
    kind,
    words,
    environment: [...environment].sort(),
    user,
    workingDirectory,
    files,
    network,
    security,
    mounts: work.mounts.map(identityOfMount),
  };
}

function identityOfMount(mount: RunMount): unknown {
  switch (mount.type) {
    case 'bind':
      return { type: mount.type, target: mount.target, readOnly: mount.readOnly };
    case 'cache':
      return { type: mount.type, id: mount.id, target: mount.target, readOnly: mount.readOnly };
    case 'ssh':
      return { type: mount.type, target: mount.target };
    default:
      return mount;
  }
}
