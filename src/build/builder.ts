import type { Readable } from 'node:stream';
import type { Credentials } from '../images/index.ts';
import type { NetworkMode, ResourceLimits, Ulimit } from '../model/index.ts';

/**
 * The build room makes images from Dockerfiles. A dialect hands over where the files come from and who the client is; it
 * gets back what was built, and how it went as it goes.
 *
 * Life of a build: `prepare` reads the Dockerfile, resolves the images it starts from and decides which stages are needed
 * (all that is wrong with the text or the images is told here); `solve` makes the layers, stage by stage, side by side
 * where they don't depend on each other; an export gives the result to somebody. Layers that were made stay in the cache
 * whatever becomes of the build, until they are pruned. A build that fails or is cancelled leaves nothing else behind.
 */
export interface Builder extends AsyncDisposable {
  /** Clears what an earlier daemon left half-made. */
  start(): Promise<void>;
  /**
   * Errors: `invalid` for a Dockerfile that does not parse or asks for what can't be (with a `DockerfileError` as cause), `notFound`
   * for a base image or target that is not there, `unsupported` for what this builder refuses by name.
   */
  prepare(request: BuildRequest, signal: AbortSignal): Promise<PreparedBuild>;
  /** What `docker build --check` and `--call` ask: nothing is built, no image is fetched. */
  check(request: BuildRequest, signal: AbortSignal): Promise<DockerfileReport>;
  /** Every piece of the cache: layers of steps, cache mounts, kept contexts. */
  usage(): Promise<CacheEntry[]>;
  /** Bytes on disk of what builds have besides: folders, and what is half-made. */
  scratchSize(): Promise<number>;
  /** Frees what matches and no build uses, least recently used first. */
  prune(options: PruneOptions): Promise<{ removed: CacheEntry[]; spaceReclaimed: number }>;
}

export interface BuildRequest {
  dockerfile: DockerfileSource;
  /** Undefined: an empty one (`docker build - < Dockerfile`). */
  context: ContextSource | undefined;
  /** `--build-context name=…`; they shadow images and stages of that name. */
  namedContexts: Readonly<Record<string, ContextSource>>;
  target?: string;
  /** `--build-arg`; undefined takes no value (the client had none in its environment). */
  buildArguments: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]`; the host's when absent. */
  platform?: string;
  /** True: no step is taken from the cache; names: none of these stages is. */
  noCache: boolean | readonly string[];
  /** Ask the registry for newer base images. */
  pull: boolean;
  network: NetworkMode;
  /** `name:address`. */
  extraHosts: readonly string[];
  resources: ResourceLimits;
  ulimits: readonly Ulimit[];
  /** Bytes of /dev/shm. */
  shmSize: number;
  cgroupParent?: string;
  /** Paths of COPY and ADD that lead above the context are refused, as by the classic builder; else they end at its root. */
  keepsWithinContext?: true;
  /** Images whose inline cache may be used. */
  cacheFrom: readonly string[];
  /** Write the cache keys into the image's configuration, for `cacheFrom` elsewhere. */
  inlineCache: boolean;
  /** Such as `security.insecure`, `network.host`: what the client allows. */
  entitlements: readonly string[];
  client: BuildClient;
  observe: (event: BuildEvent) => void;
}

export type DockerfileSource =
  /** A path in the main context. With `<name>.dockerignore` beside it, that one counts rather than `.dockerignore`. */
  | { kind: 'context'; path: string }
  /** A file in a directory that the client serves besides the context (buildx: directory `dockerfile`). */
  | { kind: 'client'; directory: string; path: string }
  | { kind: 'text'; text: Uint8Array; name: string };

/** Where a context's files come from. */
export type ContextSource =
  /** A directory that the client serves, fetched as far as it is needed and kept for the next time under `sharedKey`. */
  | { kind: 'client'; directory: string; sharedKey: string }
  /** A tar, plain or compressed, that comes with the request. */
  | { kind: 'tar'; stream: Readable }
  /** `https://host/repo.git#ref:subdirectory`, `git@…`, `https://host/x.tar.gz` or `https://host/Dockerfile`. */
  | { kind: 'remote'; url: string }
  /** The root filesystem of an image (`docker-image://…`). */
  | { kind: 'image'; reference: string }
  /** The result of another build (compose `additional_contexts: service:x`). */
  | { kind: 'build'; build: PreparedBuild };

/** What a build asks of whoever asked for it. A dialect implements it; what it can't do fails with `unsupported`. */
export interface BuildClient {
  /**
   * Tells the client's files below a directory, then gives the content of those that are asked for.
   * Paths are relative, '/'-separated, parents first, sorted. Fails with `notFound` when the client serves no such directory.
   */
  openDirectory(name: string, filter: DirectoryFilter, signal: AbortSignal): Promise<ClientDirectory>;
  /** Undefined when the client has no such secret. */
  secret(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Fails with `notFound` when the client forwards no such agent. */
  checkSshAgent(id: string, signal: AbortSignal): Promise<void>;
  /** One connection to the client's agent. */
  connectSshAgent(id: string, signal: AbortSignal): Promise<NodeJS.ReadWriteStream>;
  /** For a registry's `host[:port]`; undefined is anonymous. */
  credentials(host: string, signal: AbortSignal): Promise<Credentials | undefined>;
}

export interface DirectoryFilter {
  /** Only these and what is below them (wildcards as in COPY); all when empty. */
  followPaths: readonly string[];
  /** Lines of a `.dockerignore`, exceptions with `!` included. */
  excludePatterns: readonly string[];
}

export interface ClientDirectory extends AsyncDisposable {
  entries(): AsyncIterable<ClientEntry>;
  /** Content of one regular file among the entries; may be called for many at once. */
  read(entry: ClientEntry): AsyncIterable<Uint8Array>;
  /** Tells the client that all has come. */
  finish(): Promise<void>;
}

export interface ClientEntry {
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'fifo' | 'hardlink';
  /** Permissions with set-id and sticky bits, 0 to 07777. */
  mode: number;
  size: number;
  /** Nanoseconds since the epoch. */
  modified: bigint;
  /** Target of a symlink, or the path of the first name of a hard link. */
  linkName: string;
}

/** Dispose of it when it is done with, solved or not: what was solved stays until that is disposed of too. */
export interface PreparedBuild extends AsyncDisposable {
  /** The image configuration that will result, but for `created`, `history` and `rootfs`. */
  readonly config: Record<string, unknown>;
  readonly warnings: readonly DockerfileWarning[];
  /** Makes the layers; a second call joins the first. Errors: `BuildStepError` for a step that failed. */
  solve(signal: AbortSignal): Promise<SolvedBuild>;
}

/** Keeps its layers until it is disposed of. */
export interface SolvedBuild extends AsyncDisposable {
  /** Keeps the image, under these names. */
  exportImage(names: readonly string[]): Promise<{ imageId: string; names: string[] }>;
  /** The result's files as a directory (`--output type=local`, and for tar), mounted until the build is disposed of. */
  exportTree(): Promise<{ root: string }>;
}

/** How a build goes. Each `step` event repeats the whole step; a step's `id` is `sha256:` and 64 digits. */
export type BuildEvent =
  | { kind: 'step'; step: BuildStep }
  | { kind: 'progress'; stepId: string; id: string; name: string; current: number; total: number; started: bigint; completed?: bigint }
  | { kind: 'log'; stepId: string; stream: 1 | 2; time: bigint; data: Uint8Array }
  | { kind: 'warning'; stepId: string; warning: DockerfileWarning; source: DockerfileSourceText };

export interface BuildStep {
  id: string;
  /** Such as `[build 2/5] RUN make`, `[internal] load build context`, `exporting to image`. */
  name: string;
  inputs: string[];
  /** Of the instruction it stands for: the stage's name or index, the text as written, its place in the Dockerfile. */
  instruction?: { stage: string; text: string; number: number; of: number };
  /** It changes the configuration only (ENV, CMD …): BuildKit's clients are not told of such steps. Begins and ends at once. */
  configuration?: true;
  cached: boolean;
  /** Id of the container, in the runtime, that the instruction's process runs in. It is gone when the step completes. */
  container?: string;
  /** What it came to: the image that a FROM names, or the entry of the cache (`CacheEntry.id`). */
  result?: { kind: 'image' | 'cache'; id: string };
  /** Nanoseconds since the epoch; a step that ran keeps the same `started` in every event. */
  started?: bigint;
  completed?: bigint;
  error?: string;
}

/** Lines count from 1. */
export interface SourceRange {
  start: number;
  end: number;
}

export interface DockerfileSourceText {
  filename: string;
  data: Uint8Array;
}

export interface DockerfileWarning {
  /** Docker's name of the rule, such as `FromAsCasing`. */
  rule: string;
  description: string;
  url: string;
  detail: string;
  ranges: SourceRange[];
}

/** Answers to `--check` (`warnings`, and an error when it does not parse), `--call=targets`, `--call=outline`. */
export interface DockerfileReport {
  source: DockerfileSourceText;
  warnings: DockerfileWarning[];
  /** Of `# check=error=true`. */
  failsOnWarnings: boolean;
  error?: { message: string; range: SourceRange };
  targets: { name: string; description: string; base: string; platform: string; default: boolean; range: SourceRange }[];
  outline: {
    name: string;
    description: string;
    arguments: { name: string; description: string; value: string; range: SourceRange }[];
    secrets: { name: string; required: boolean; range: SourceRange }[];
    ssh: { name: string; required: boolean; range: SourceRange }[];
    cacheMounts: string[];
  };
}

export interface CacheEntry {
  id: string;
  kind: 'step' | 'cache-mount' | 'context';
  description: string;
  /** Bytes on disk that go when it goes. */
  size: number;
  inUse: boolean;
  /** Its layer belongs to an image too. */
  shared: boolean;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
  parents: string[];
  /** Diff id of the layer that a step came to. */
  layer?: string;
}

/** When to stop pruning, in bytes; what is absent bounds nothing. */
export interface CacheBounds {
  /** The cache may take so much. */
  maxUsed?: number;
  /** So much shall be free on the disk. */
  minFree?: number;
  /** So much the cache keeps, whatever the others say; alone: so much it may take. */
  reserved?: number;
}

export interface PruneOptions {
  /** Also what is newer or still reachable (`--all`): without it, only what no image shares. */
  all: boolean;
  /** Only entries not used for so many milliseconds. */
  unusedFor?: number;
  keep?: CacheBounds;
  filter?: (entry: CacheEntry) => boolean;
}
