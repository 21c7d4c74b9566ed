import type { Readable, Writable } from 'node:stream';
import type { Images, RemovedImage } from '../images/index.ts';
import type {
  ContainerRecord,
  ContainerSpec,
  Decision,
  EndpointRequest,
  Event,
  ExecRecord,
  ExecSpec,
  HealthCheck,
  ImageRecord,
  NetworkRecord,
  NetworkRequest,
  ResourceLimits,
  ResourceUsage,
  RestartPolicy,
} from '../model/index.ts';
import type { Network } from '../network/index.ts';
import type { Volumes } from '../volumes/index.ts';

/**
 * The engine: what a person can do with containers on one host. Dialects call these use cases and know nothing below.
 *
 * Reads never wait for operations: they see the newest record. Operations on one container run in order, on different
 * containers side by side. Every operation writes its intent before its first side effect. References are names, ids or
 * unique id prefixes, resolved alike everywhere: `notFound` "No such container: x", `conflict` when ambiguous.
 */
export interface Containers {
  list(): ContainerRecord[];
  get(reference: string): ContainerRecord;
  /** Resolves to the new id and the warnings that a person should see. */
  create(request: CreateContainer, signal?: AbortSignal): Promise<{ id: string; warnings: string[] }>;
  /** `unchanged` when it runs already. A command that cannot run fails with `StartFailure.exitCode` kept as the container's exit code. */
  start(reference: string, options?: { detachKeys?: string }): Promise<void>;
  /** Seconds; undefined uses the container's own; -1 waits for ever. `unchanged` when it is stopped already. */
  stop(reference: string, options: { signal?: string; timeout?: number }): Promise<void>;
  restart(reference: string, options: { signal?: string; timeout?: number }): Promise<void>;
  kill(reference: string, signal: string): Promise<void>;
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  update(reference: string, change: { resources: ResourceLimits; restart?: RestartPolicy }): Promise<{ warnings: string[] }>;
  remove(reference: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  /** Registered when the call returns; `result` settles when the condition holds. Abort leaves nothing behind. */
  wait(
    reference: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal: AbortSignal,
  ): { id: string; result: Promise<{ exitCode: number; error?: string }> };
  resize(reference: string, size: { rows: number; columns: number }): Promise<void>;
  /**
   * Streams of the main process. May be called before start: output begins when the process does. Reads of the kept log
   * (`logs`) come first and join without a gap. Ends when the process ends.
   */
  attach(reference: string, options: AttachOptions, signal: AbortSignal): Promise<AttachedStreams>;
  logs(reference: string, options: LogOptions, signal: AbortSignal): { tty: boolean; chunks: AsyncIterable<Uint8Array> };
  top(reference: string, psArguments: readonly string[]): Promise<{ titles: string[]; processes: string[][] }>;
  usage(reference: string): Promise<ContainerUsage>;
  changes(reference: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]>;
  export(reference: string, output: Writable, signal: AbortSignal): Promise<void>;
  /** Bytes of the writable layer and of the whole root filesystem. */
  sizes(reference: string): Promise<{ writable: number; root: number }>;
  /** Makes an image of what the container changed, on top of its image. Fails with `conflict` when it is being removed. */
  commit(reference: string, options: CommitOptions): Promise<{ id: string }>;
  prune(filter: (container: ContainerRecord) => boolean): Promise<{ removed: string[]; spaceReclaimed: number }>;
  /** Host paths of the files made for the container, for inspect. */
  paths(id: string): { log: string; resolver: string; hostname: string; hosts: string };
  why(reference: string): Promise<Explanation>;
}

export interface CommitOptions {
  /** Name to point at the image. */
  name?: string;
  author: string;
  message: string;
  /** Whether to keep the container from running meanwhile. */
  pause: boolean;
  /** Dockerfile instructions that change the configuration. */
  changes: readonly string[];
  /** A configuration in Docker's words, for what it says instead of the container's own. */
  config?: Record<string, unknown>;
  /** What to write down as the engine's version. */
  version: string;
  signal: AbortSignal;
}

/** A spec before image defaults; `merge` says which of its fields the user left open. */
export interface CreateContainer {
  name?: string;
  /** Without entrypoint, command, env … of the image: the engine merges these. */
  spec: Omit<ContainerSpec, 'imageId' | 'entrypoint' | 'command' | 'healthCheck'> & {
    /** undefined inherits the image's; [] or [''] clears it. */
    entrypoint: string[] | undefined;
    /** undefined or [] inherits the image's unless an entrypoint is given. */
    command: string[] | undefined;
    healthCheck?: HealthCheck;
  };
  /** Kept as it came, for the dialect's inspect. */
  request: unknown;
}

export interface AttachOptions {
  stream: boolean;
  logs: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys?: string;
}

/** Output comes framed as Docker's multiplexed stream unless the container has a terminal. */
export interface AttachedStreams {
  tty: boolean;
  output: Readable;
  /** Undefined when stdin was not asked for. Ending it half-closes the process's stdin. */
  input: Writable | undefined;
}

export interface LogOptions {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  details: boolean;
  since?: bigint;
  until?: bigint;
  tail?: number;
}

export interface ContainerUsage {
  id: string;
  name: string;
  running: boolean;
  /** RFC 3339. */
  read: string;
  usage: ResourceUsage | undefined;
  /** Nanoseconds of processor time of the whole host, and its processors. */
  systemCpu: number;
  processors: number;
  /** By interface name in the container; empty in host mode. */
  networks: Record<string, InterfaceCounters>;
}

export interface InterfaceCounters {
  receivedBytes: number;
  receivedPackets: number;
  receivedErrors: number;
  receivedDropped: number;
  sentBytes: number;
  sentPackets: number;
  sentErrors: number;
  sentDropped: number;
}

export interface Execs {
  create(container: string, spec: ExecSpec): Promise<string>;
  get(id: string): ExecRecord;
  /** Ids of the execs of a container that run or wait to be started, for its inspect. */
  of(containerId: string): string[];
  /** Resolves when the process runs; its streams follow. Detached: `streams` is undefined. */
  start(
    id: string,
    options: { detach: boolean; tty: boolean; size?: { rows: number; columns: number } },
    signal: AbortSignal,
  ): Promise<AttachedStreams | undefined>;
  resize(id: string, size: { rows: number; columns: number }): Promise<void>;
}

/** Files in and out of a container's root, running or not. Links are resolved inside the root. */
export interface Archive {
  stat(container: string, path: string): Promise<PathStat>;
  /** A tar of `path`; entry names begin with the base name of `path`. */
  get(container: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  put(
    container: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyOwner: boolean },
    signal: AbortSignal,
  ): Promise<void>;
}

export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode bits, as the X-Docker-Container-Path-Stat header has them. */
  mode: number;
  /** RFC 3339. */
  modified: string;
  linkTarget: string;
}

export interface Events {
  publish(event: Omit<Event, 'timeNano'>): void;
  /** Past ones since `since` (a bounded number is kept), then live ones until the signal aborts or `until` passes. */
  subscribe(options: { since?: bigint; until?: bigint; follow: boolean }, signal: AbortSignal): AsyncIterable<Event>;
}

export interface SystemInfo {
  /** What `info` and `version` need from the rooms below, neutral of any dialect. */
  describe(): Promise<HostDescription>;
  containerStorage(): Promise<{ list: ContainerStorage[]; rest: number }>;
}

/** Bytes on disk of a container. */
export interface ContainerStorage {
  container: ContainerRecord;
  /** Its writable layer. */
  layer: number;
  /** What is made for it: hosts, resolv.conf and the like. */
  files: number;
  logs: number;
}

export interface HostDescription {
  kernelVersion: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  processors: number;
  memory: number;
  hostname: string;
  dataRoot: string;
  cgroupVersion: 'v1' | 'v2';
  /** Whether the kernel shares block devices by weight. */
  weighsBlockIo: boolean;
  runtimes: Record<string, { path: string; version: string }>;
  defaultRuntime: string;
  monitorVersion: string;
  initPath: string;
  securityOptions: string[];
  labels: string[];
  insecureRegistries: string[];
  registryMirrors: string[];
  warnings: string[];
  /** Kept for the life of the data root. */
  engineId: string;
  startedAt: string;
}

/** Image and volume verbs that need to know what containers use. */
export interface ImageUseCases {
  remove(reference: string, options: { force: boolean; prune: boolean }): Promise<RemovedImage[]>;
  prune(filter: (image: ImageRecord) => boolean): Promise<{ removed: RemovedImage[]; spaceReclaimed: number }>;
  /** Containers, running or not, that are made from the image or have it mounted. */
  usedBy(imageId: string): ContainerRecord[];
}

export interface VolumeUseCases {
  remove(name: string, options: { force: boolean }): Promise<void>;
  /** `all` false prunes anonymous ones only. Those whose options mount something stay. */
  prune(
    filter: (name: string, labels: Record<string, string>) => boolean,
    all: boolean,
  ): Promise<{ removed: string[]; spaceReclaimed: number }>;
  usedBy(name: string): ContainerRecord[];
}

/** Network verbs that change containers too. References are names, ids or unique id prefixes. */
export interface NetworkUseCases {
  /** The story of a network. */
  why(reference: string): Explanation;
  create(request: NetworkRequest): Promise<NetworkRecord>;
  /** Fails with `denied` while containers are on it. */
  remove(reference: string): Promise<void>;
  /** Names of the networks that are gone. */
  prune(filter: (network: NetworkRecord) => boolean): Promise<string[]>;
  /** Of a running container at once, of others at their next start. */
  connect(network: string, container: string, wish: EndpointRequest): Promise<void>;
  disconnect(network: string, container: string): Promise<void>;
}

/** Why something is as it is. */
export interface Explanation {
  subject: string;
  state: string;
  /** The sentence that explains it best. */
  summary: string;
  /** In order. */
  decisions: Decision[];
}

/**
 * One container takes the place of another, and no connection finds nobody there: the new one stands by while it starts, takes over in
 * one step, and connections that exist stay with the old one until they end.
 */
export interface HandOvers {
  /** Before its start: the container will publish nothing and be found by no name until it takes over from the other, or without one comes into service. `conflict` when it runs. */
  standBy(reference: string, forReference?: string): Promise<void>;
  /**
   * Ports and names pass over. Also the way back: a container that was relieved takes over from its successor. `unchanged` when there is
   * nothing to take over, `conflict` when it is not running or when another has a port that the old one did not have.
   */
  takeOver(reference: string): Promise<void>;
  /** It is found by no name any more, so that it can be stopped when its connections have ended. `takeOver` is the way back. `conflict` when it does not run. */
  standDown(reference: string): Promise<void>;
  /** `connections` are those that others have to its servers now. */
  describe(reference: string): { role: 'serving' | 'standby' | 'relieved'; other: string | undefined; connections: number };
}

/** The whole engine, as a dialect sees it. */
export interface Engine extends AsyncDisposable {
  readonly containers: Containers;
  readonly execs: Execs;
  readonly archive: Archive;
  readonly events: Events;
  readonly system: SystemInfo;
  readonly imageUse: ImageUseCases;
  readonly volumeUse: VolumeUseCases;
  readonly networkUse: NetworkUseCases;
  readonly handOver: HandOvers;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly network: Pick<Network, 'list' | 'get' | 'attachments' | 'reach' | 'drift'>;
  /** Reconciles what the store says with what the kernel has, then goes on where the last daemon stopped. */
  start(): Promise<void>;
}
