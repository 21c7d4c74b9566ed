import type { ContainerSpec, NetworkMode, ResourceLimits, Ulimit } from '../../model/index.ts';
import type { RunWork } from '../plan/plan.ts';

/** How a build's processes are to run, as the request says. */
export interface ProcessSettings {
  network: NetworkMode;
  extraHosts: readonly string[];
  resources: ResourceLimits;
  ulimits: readonly Ulimit[];
  shmSize: number;
  cgroupParent: string;
  runtime: string;
}

const SHARED_MEMORY = 64 * 1024 * 1024;
/** What Docker calls the machine that a step runs on. */
export const STEP_HOSTNAME = 'buildkitsandbox';

/** The container of a RUN: Docker's defaults, and nothing that outlives it. */
export function processSpec(work: RunWork, settings: ProcessSettings, environment: readonly string[]): ContainerSpec {
  const insecure = work.security === 'insecure';
  return {
    image: '',
    imageId: '',
    platform: '',
    hostname: STEP_HOSTNAME,
    domainname: '',
    user: work.user,
    groupAdd: [],
    workingDirectory: work.workingDirectory,
    entrypoint: [],
    command: [...work.arguments],
    // A step has no HOSTNAME: with Docker neither.
    environment: ['HOSTNAME', ...environment],
    labels: {},
    annotations: {},
    stopSignal: '',
    init: false,
    tty: false,
    openStdin: false,
    stdinOnce: false,
    attachStdin: false,
    attachStdout: true,
    attachStderr: true,
    mounts: [],
    volumesFrom: [],
    readOnlyRoot: false,
    capabilitiesAdd: [],
    capabilitiesDrop: [],
    privileged: insecure,
    seccomp: insecure ? { kind: 'unconfined' } : { kind: 'default' },
    noNewPrivileges: false,
    devices: [],
    deviceRules: [],
    resources: settings.resources,
    ulimits: [...settings.ulimits],
    oomScoreAdjust: 0,
    sysctls: {},
    shmSize: settings.shmSize || SHARED_MEMORY,
    ipcMode: { kind: 'private' },
    pidMode: { kind: 'private' },
    utsMode: { kind: 'private' },
    cgroupNamespaceMode: { kind: 'private' },
    networkMode: networkOf(work, settings),
    networkDisabled: false,
    endpoints: {},
    ports: [],
    exposedPorts: [],
    publishAll: false,
    dnsServers: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [...settings.extraHosts],
    links: [],
    restart: { name: 'no', maximumRetryCount: 0 },
    autoRemove: false,
    log: { driver: 'none', options: {} },
    runtime: settings.runtime,
    cgroupParent: settings.cgroupParent,
  };
}

export function networkOf(work: Pick<RunWork, 'network'>, settings: Pick<ProcessSettings, 'network'>): NetworkMode {
  return work.network === 'default' ? settings.network : { kind: work.network };
}
