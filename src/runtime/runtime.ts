import type { ContainerSpec, ExecSpec, ResolvedMount, ResourceLimits, ResourceUsage } from '../model/index.ts';

/**
 * The runtime room runs processes in containers: OCI specification, OCI runtime (crun, runc), monitor
 * (conmon), standard streams, logs, statistics. It keeps nothing of its own but the run directory
 * `<exec-root>/containers/<id>/` (bundle, sockets, pid and exit files) and the log files.
 *
 * Life: `create` leaves the process waiting before its first instruction, `start` lets it go, it ends, `remove`
 * clears the run directory, its cgroup and the OCI state. The monitor outlives the daemon: after a restart
 * `inspect` tells what became of each id, and `watchExit` delivers exits that happened meanwhile.
 */
export interface Runtime {
  /**
   * Prepares everything and creates the process, stopped before exec. Undoes itself on failure.
   * Errors: `invalid` for what the image or request got wrong (no such user, command not found: `exitCode` 126/127
   * as in StartFailure), `unavailable` when the OCI runtime is missing.
   */
  create(request: CreateRequest, signal?: AbortSignal): Promise<ProcessHandle>;
  start(id: string): Promise<void>;
  /** `signal` is a number. Fails with `conflict` when no process is there. */
  signal(id: string, signal: number): Promise<void>;
  /** SIGKILL to everything in the container. */
  killAll(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  update(id: string, limits: ResourceLimits): Promise<void>;
  /** Clears what `create` made. Idempotent; logs stay until `removeLogs`. */
  remove(id: string): Promise<void>;
  /** What is there for this id now. */
  inspect(id: string): Promise<RuntimeObservation>;
  /** Ids with a run directory: reality, for reconciliation. */
  list(): Promise<string[]>;
  /** Calls back once for every container process that ends, also those that ended while the daemon was down (after `adopt`). */
  onExit(listener: (exit: ExitRecord) => void): void;
  /** Watches a container that an earlier daemon started. */
  adopt(id: string): Promise<RuntimeObservation>;
  /** Copies of what the monitor of a container holds, in order; the caller closes them. [] when there is nothing or it cannot be had. */
  takeHeld(id: string): number[];

  exec(request: ExecRequest): Promise<ExecHandle>;

  /** Standard streams of the main process. One call is one reader; many may be there at once. */
  attach(id: string): Promise<StreamSession>;
  resize(id: string, size: { rows: number; columns: number }): Promise<void>;

  readLogs(request: LogRequest, signal: AbortSignal): AsyncIterable<Uint8Array>;
  removeLogs(id: string): Promise<void>;
  /** Bytes on disk of the container's logs. */
  logSize(id: string): Promise<number>;

  usage(id: string): Promise<ResourceUsage>;
  /** Rows of `ps` for the container's processes, with the given ps arguments (default `-ef`). */
  processes(id: string, psArguments: readonly string[]): Promise<{ titles: string[]; processes: string[][] }>;
  /** Names and versions of the configured OCI runtimes and of the monitor, for `info`. */
  describe(): Promise<RuntimeDescription>;
}

export interface CreateRequest {
  id: string;
  spec: ContainerSpec;
  /** The mounted root filesystem. */
  rootfs: string;
  /** In the order in which they are to be made, after the standard ones; includes resolv.conf, hosts, hostname. */
  mounts: ResolvedMount[];
  /** Path of the prepared network namespace; undefined shares the daemon's (host mode). */
  networkNamespace: string | undefined;
  /** Process ids whose namespaces are joined for ipc and pid `container:` modes. */
  joinPids: { ipc?: number; pid?: number; uts?: number };
  /** Path of a directory or tmpfs to be used as /dev/shm, when ipc is shareable. */
  sharedMemory?: string;
  /** Descriptors of which the monitor keeps copies until it ends, for a later daemon to take back. */
  held?: readonly number[];
}

/** Thrown by create and start when the container's own command cannot run: Docker's exit codes 125, 126 and 127. */
export interface StartFailure {
  exitCode: 125 | 126 | 127;
}

export interface ProcessHandle {
  pid: number;
  startTime: number;
}

export interface ExitRecord {
  id: string;
  /** 0 to 255; a process killed by signal n counts as 128+n. */
  exitCode: number;
  /** RFC 3339 with nanoseconds: when the process ended, not when it was noticed. */
  finishedAt: string;
  oomKilled: boolean;
}

export type RuntimeObservation =
  | { status: 'absent' }
  | { status: 'created' | 'running' | 'paused'; pid: number; startTime: number }
  | ({ status: 'stopped' } & Omit<ExitRecord, 'id'>);

export interface ExecRequest {
  execId: string;
  containerId: string;
  containerSpec: ContainerSpec;
  rootfs: string;
  spec: ExecSpec;
  size?: { rows: number; columns: number };
}

export interface ExecHandle {
  pid: number;
  /** Undefined when nothing was to be attached. */
  streams: StreamSession | undefined;
  resize(size: { rows: number; columns: number }): Promise<void>;
  /** SIGKILL to the exec'd process and all that it started, resolved when it has ended; nothing happens when it has ended. */
  kill(): Promise<void>;
  /** 126 and 127 when the command cannot be run or found. */
  exited: Promise<number>;
}

/** Standard streams of one process. Output keeps its order within a stream. */
export interface StreamSession {
  /** Calls back with 1 (stdout, or the terminal) or 2 (stderr). Data is valid only during the call unless copied. */
  onOutput(listener: (stream: 1 | 2, data: Uint8Array) => void): void;
  /** After the last output. */
  onEnd(listener: () => void): void;
  /** False asks to wait for `onDrain` before more is written. */
  write(data: Uint8Array): boolean;
  onDrain(listener: () => void): void;
  /** Half-closes: the process reads end-of-file. */
  endInput(): void;
  /** Back-pressure towards the process. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface LogRequest {
  id: string;
  /** Docker's stream framing (8-byte header per line) unless the container has a terminal. */
  framing: 'multiplexed' | 'raw';
  stdout: boolean;
  stderr: boolean;
  timestamps: boolean;
  /** Nanoseconds since the epoch. */
  since?: bigint;
  until?: bigint;
  /** Newest lines to begin with; undefined means all. */
  tail?: number;
  follow: boolean;
  /** Put before each line when `details` was asked for. */
  detailsPrefix?: string;
}

export interface RuntimeDescription {
  runtimes: Record<string, { path: string; version: string }>;
  /** Undefined when it is not installed. */
  monitor: { path: string; version: string } | undefined;
  init: { path: string } | undefined;
  cgroupVersion: 'v1' | 'v2';
  cgroupDriver: 'cgroupfs';
  /** Whether the kernel shares block devices by weight. */
  weighsBlockIo: boolean;
}
