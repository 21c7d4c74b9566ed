import type { Clock, Ids, Limiter, Log } from '../base/index.ts';
import type { ImageAssembly, Images } from '../images/index.ts';
import type { Network } from '../network/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { CacheMounts } from './cache/cache-mounts.ts';
import type { StepCache } from './cache/step-cache.ts';
import type { FileSteps } from './files/files.ts';
import type { MadeSteps } from './graph/made-steps.ts';
import type { Sources } from './sources/sources.ts';
import type { ProcessExits } from './steps/exits.ts';

/** What builds work with. Wired once, in create-builder.ts. */
export interface BuildParts {
  /** Directory below the data root for what is half-made. */
  scratch: string;
  /** Directory below the exec root: files and sockets of running steps. */
  runFolder: string;
  clock: Clock;
  ids: Ids;
  log: Log;
  images: Images;
  assembly: ImageAssembly;
  network: Network;
  runtime: Runtime;
  files: FileSteps;
  sources: Sources;
  steps: StepCache;
  mounts: CacheMounts;
  made: MadeSteps;
  exits: ProcessExits;
  /** Steps at work at once, of all builds. */
  limiter: Limiter;
  defaults: BuildDefaults;
}

export interface BuildDefaults {
  /** Name of the OCI runtime. */
  runtime: string;
  cgroupParent: string;
  /** Such as `network.host`: what a client may be granted. */
  entitlements: readonly string[];
}
