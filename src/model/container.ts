import type { HealthCheck, HealthState, Recovery } from './health.ts';
import type { MountSpec, ResolvedMount } from './mount.ts';
import type { EndpointRequest, EndpointState, NetworkMode } from './network.ts';
import type { Exposures, PortRequest, Protocol, PublishedPort } from './port.ts';
import type { DeviceRule, DeviceSpec, ResourceLimits, Ulimit } from './resources.ts';

/** A namespace other than the network's. `container` joins that of container `id`. */
export type NamespaceMode =
  | { kind: 'private' }
  | { kind: 'host' }
  | { kind: 'shareable' }
  | { kind: 'none' }
  | { kind: 'container'; id: string };

export interface RestartPolicy {
  name: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  /** For on-failure; 0 means no bound. */
  maximumRetryCount: number;
}

export type SeccompChoice = { kind: 'default' } | { kind: 'unconfined' } | { kind: 'profile'; profile: unknown };

/**
 * What a container should be: complete, image defaults merged in, names checked, every default filled.
 * Made by a dialect's decoder and the engine's create; nothing in it changes afterwards but what `update` and `rename` may.
 */
export interface ContainerSpec {
  /** The reference as the user wrote it. */
  image: string;
  imageId: string;
  platform: string;
  hostname: string;
  domainname: string;
  /** `name|uid[:group|gid]`, empty for root. */
  user: string;
  groupAdd: string[];
  workingDirectory: string;
  entrypoint: string[];
  command: string[];
  environment: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  stopSignal: string;
  /** Seconds; undefined means the default of 10; -1 waits for ever. */
  stopTimeout?: number;
  /** Run a small init as PID 1 that reaps and forwards signals. */
  init: boolean;
  tty: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  mounts: MountSpec[];
  volumesFrom: { container: string; readOnly: boolean }[];
  readOnlyRoot: boolean;
  capabilitiesAdd: string[];
  capabilitiesDrop: string[];
  privileged: boolean;
  seccomp: SeccompChoice;
  noNewPrivileges: boolean;
  /** undefined means the engine's default; [] means none. */
  maskedPaths?: string[];
  readonlyPaths?: string[];
  devices: DeviceSpec[];
  deviceRules: DeviceRule[];
  resources: ResourceLimits;
  ulimits: Ulimit[];
  oomScoreAdjust: number;
  sysctls: Record<string, string>;
  /** Bytes of /dev/shm. */
  shmSize: number;
  ipcMode: NamespaceMode;
  pidMode: NamespaceMode;
  utsMode: NamespaceMode;
  cgroupNamespaceMode: NamespaceMode;
  networkMode: NetworkMode;
  networkDisabled: boolean;
  endpoints: Record<string, EndpointRequest>;
  ports: PortRequest[];
  exposedPorts: { port: number; protocol: Protocol }[];
  publishAll: boolean;
  /** Who may use published ports, as far as the container's creator said. */
  exposures?: Exposures;
  dnsServers: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  /** `name:address` or `name:host-gateway`. */
  extraHosts: string[];
  /** `container:alias`. */
  links: string[];
  restart: RestartPolicy;
  autoRemove: boolean;
  healthCheck?: HealthCheck;
  log: { driver: 'local' | 'json-file' | 'none'; options: Record<string, string> };
  /** Name of a configured OCI runtime, such as crun or runc. */
  runtime: string;
  cgroupParent: string;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** What is, as far as it was observed. Written by the engine only. */
export interface ContainerState {
  status: ContainerStatus;
  /** Process id on the host; 0 when there is none. */
  pid: number;
  /** Field 22 of /proc/PID/stat: tells a living container from a reused pid. */
  pidStartTime: number;
  exitCode: number;
  error: string;
  oomKilled: boolean;
  /** RFC 3339; '0001-01-01T00:00:00Z' for never. */
  startedAt: string;
  finishedAt: string;
  health?: HealthState;
  recovery?: Recovery;
  /** Automatic restarts since the user's last start. */
  restartCount: number;
  /** The wait before the newest automatic restart, or before the one that is coming. Milliseconds. */
  restartDelay?: number;
  /** The user stopped it: `unless-stopped` and back-off heed this. */
  stoppedByUser: boolean;
  networkNamespace: string;
  endpoints: EndpointState[];
  publishedPorts: PublishedPort[];
  /** The mounts of the newest start, for inspect and volumes-from. */
  mounts: ResolvedMount[];
}

/** One container: an identity, what it should be and what it is. One row of the store. */
export interface ContainerRecord {
  id: string;
  /** Without the leading slash. */
  name: string;
  createdAt: string;
  spec: ContainerSpec;
  state: ContainerState;
  /** The creating dialect's document as it came (Docker: Config, HostConfig, NetworkingConfig), so that inspect can echo it. */
  request: unknown;
  /** It waits to take over from container `for` ('' when it only is not ready yet): it has no published ports and no names on networks until then. */
  standby?: { for: string };
  /** Id of the container that has taken over, '' when it only went out of service: this one is not started again by itself. */
  relievedBy?: string;
  /** It was taken off its last network: it has none until it joins one, or until it is started again. */
  offNetworks?: true;
  /** An operation whose side effects may be half done: finished or undone at the next start. */
  intent?: {
    operation: 'create' | 'start' | 'remove' | 'commit' | 'networks' | 'take-over';
    since: string;
    /** Of a removal: its anonymous volumes go too. */
    volumes?: boolean;
  };
}

export const NEVER = '0001-01-01T00:00:00Z';

export function freshState(): ContainerState {
  return {
    status: 'created',
    pid: 0,
    pidStartTime: 0,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: NEVER,
    finishedAt: NEVER,
    restartCount: 0,
    stoppedByUser: false,
    networkNamespace: '',
    endpoints: [],
    publishedPorts: [],
    mounts: [],
  };
}

export function isAlive(state: ContainerState): boolean {
  return state.status === 'running' || state.status === 'paused';
}
