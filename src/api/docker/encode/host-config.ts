import {
  type ContainerRecord,
  type ContainerSpec,
  MASKED_PATHS,
  type NamespaceMode,
  type NetworkMode,
  READONLY_PATHS,
} from '../../../model/index.ts';
import type { KeptRequest } from '../decode/create.ts';

/** Every field that inspect shows, in Docker's order, with what it shows when nothing was asked. */
const NOTHING_ASKED: Readonly<Record<string, unknown>> = {
  Binds: null,
  ContainerIDFile: '',
  LogConfig: null,
  NetworkMode: '',
  PortBindings: {},
  RestartPolicy: null,
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: '',
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: '',
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  ShmSize: 0,
  Runtime: '',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: [],
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

/** Shown only when they were asked for. */
const OPTIONAL = ['Mounts', 'Tmpfs', 'Sysctls', 'Init', 'Annotations', 'StorageOpt'];

/** The request as it was asked, completed by defaults, and corrected by what update changed. */
export function encodeHostConfig(record: ContainerRecord, kept: KeptRequest): Record<string, unknown> {
  const { spec } = record;
  const asked = kept.HostConfig;
  const document: Record<string, unknown> = { ...NOTHING_ASKED };
  for (const name of [...Object.keys(NOTHING_ASKED), ...OPTIONAL]) if (asked[name] !== undefined) document[name] = asked[name];
  Object.assign(document, {
    LogConfig: { Type: spec.log.driver, Config: spec.log.options },
    NetworkMode: networkModeText(spec.networkMode),
    RestartPolicy: { Name: spec.restart.name, MaximumRetryCount: spec.restart.maximumRetryCount },
    CgroupnsMode: modeText(spec.cgroupNamespaceMode),
    IpcMode: modeText(spec.ipcMode),
    ...(spec.pidMode.kind === 'container' ? { PidMode: modeText(spec.pidMode) } : {}),
    ShmSize: spec.shmSize,
    Runtime: spec.runtime,
    MaskedPaths: spec.maskedPaths ?? (spec.privileged ? null : MASKED_PATHS),
    ReadonlyPaths: spec.readonlyPaths ?? (spec.privileged ? null : READONLY_PATHS),
    ...encodeLimits(spec),
  });
  return document;
}

function encodeLimits({ resources }: ContainerSpec): Record<string, unknown> {
  return {
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memory ?? 0,
    NanoCpus: resources.nanoCpus ?? 0,
    BlkioWeight: resources.blkioWeight ?? 0,
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpuRealtimePeriod: resources.cpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntime ?? 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    MemoryReservation: resources.memoryReservation ?? 0,
    MemorySwap: resources.memorySwap ?? 0,
    MemorySwappiness: resources.memorySwappiness ?? null,
    OomKillDisable: resources.oomKillDisable ?? false,
    PidsLimit: resources.pidsLimit ?? null,
  };
}

export function networkModeText(mode: NetworkMode): string {
  if (mode.kind === 'container') return `container:${mode.id}`;
  return mode.kind === 'network' ? mode.name : mode.kind;
}

function modeText(mode: NamespaceMode): string {
  return mode.kind === 'container' ? `container:${mode.id}` : mode.kind;
}
