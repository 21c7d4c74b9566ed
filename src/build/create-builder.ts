import { type Clock, type Ids, Limiter, type Log } from '../base/index.ts';
import type { Images, MakeRoom } from '../images/index.ts';
import type { Network } from '../network/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Store } from '../store/index.ts';
import type { Builder } from './builder.ts';
import type { CacheParts } from './cache/usage.ts';
import { createFileSteps } from './files/index.ts';
import { buildFolders } from './folders.ts';
import { checkBuild } from './graph/check.ts';
import { MadeSteps } from './graph/made-steps.ts';
import { prepareBuild } from './graph/prepare.ts';
import type { BuildParts } from './parts.ts';
import { ProcessExits } from './steps/exits.ts';

export interface BuilderOptions {
  dataRoot: string;
  execRoot: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  images: Images;
  network: Network;
  runtime: Runtime;
  /** Name of the OCI runtime for RUN. */
  defaultRuntime: string;
  cgroupParent: string;
  /** Asked before a build; undefined: there is no bound. */
  makeRoom?: MakeRoom | undefined;
  /** What clients may be granted; `network.host` when absent, as with Docker. */
  entitlements?: readonly string[];
}

/** Steps that work at once, of all builds. */
const PARALLEL_STEPS = 4;

/** Wires what builds. */
export function openBuilder(options: BuilderOptions, cache: CacheParts): Pick<Builder, 'prepare' | 'check'> {
  const { dataRoot, execRoot, clock, ids, log, images, network, runtime } = options;
  const { scratch, running } = buildFolders(dataRoot, execRoot);
  const parts: BuildParts = {
    scratch,
    runFolder: running,
    ...{ clock, ids, log, images, network, runtime },
    ...cache,
    files: createFileSteps(),
    made: new MadeSteps(),
    exits: new ProcessExits(runtime),
    limiter: new Limiter(PARALLEL_STEPS),
    defaults: {
      runtime: options.defaultRuntime,
      cgroupParent: options.cgroupParent,
      entitlements: options.entitlements ?? ['network.host'],
    },
  };
  return {
    prepare: (request, signal) => prepareBuild(parts, request, signal),
    check: (request, signal) => checkBuild(parts, request, signal),
  };
}
