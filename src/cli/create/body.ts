import { CommandFailure } from '../failure.ts';
import type { Flags } from '../flags/index.ts';
import { isCdi, parseByteRate, parseDevice, parseOperationRate, parseUlimit, parseWeight } from './devices.ts';
import { pairsToMap, readEnvironment, readLabels } from './environment.ts';
import { parseHost } from './hosts.ts';
import { parseMount } from './mounts.ts';
import { endpointBody, readNetworks } from './networks.ts';
import { planPorts } from './ports.ts';
import { capabilityNames, readSecurity } from './security.ts';
import { planVolumes } from './volumes.ts';

/** The body of POST /containers/create. Fields that were not asked for are left out. */
export interface CreateBody {
  Image: string;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  Tty: boolean;
  HostConfig: Record<string, unknown> & { NetworkMode: string; AutoRemove?: boolean };
  [field: string]: unknown;
}

export interface Around {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

const wrong = (message: string) => new CommandFailure(message, 125);

/** `name: value` only when the value says something. */
function only(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => {
      if (value === undefined || value === '' || value === 0 || value === false) return false;
      if (Array.isArray(value)) return value.length > 0;
      return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
    }),
  );
}

/** Refuses what this platform does not have, by the name of the flag. */
function refuse(flags: Flags): void {
  if (flags.given('gpus'))
    throw wrong('--gpus is not supported: Gantry does not pass GPUs on. Pass the device files with --device instead');
  if (flags.given('use-api-socket')) throw wrong('--use-api-socket is not supported: mount the socket with -v instead');
}

function restartPolicy(flags: Flags): { Name: string; MaximumRetryCount: number } {
  const given = flags.text('restart');
  const [name = '', count, more] = given.split(':');
  if (more !== undefined) throw wrong(`invalid restart policy format: ${given}`);
  if (count !== undefined && !/^\d+$/.test(count)) throw wrong('invalid restart policy format: maximum retry count must be an integer');
  if (count !== undefined && name === '') throw wrong('invalid restart policy format: no policy provided before colon');
  if (flags.bool('rm') && given !== '' && name !== 'no') throw wrong('conflicting options: cannot specify both --restart and --rm');
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

function healthcheck(flags: Flags): Record<string, unknown> | undefined {
  const timed = ['health-interval', 'health-timeout', 'health-start-period', 'health-start-interval', 'health-retries'];
  const asked = flags.text('health-cmd') !== '' || timed.some((name) => flags.number(name) !== 0);
  if (flags.bool('no-healthcheck')) {
    if (asked) throw wrong('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  if (!asked) return undefined;
  for (const name of timed) if (flags.number(name) < 0) throw wrong(`--${name} cannot be negative`);
  return only({
    Test: flags.text('health-cmd') ? ['CMD-SHELL', flags.text('health-cmd')] : [],
    Interval: flags.number('health-interval'),
    Timeout: flags.number('health-timeout'),
    StartPeriod: flags.number('health-start-period'),
    StartInterval: flags.number('health-start-interval'),
    Retries: flags.number('health-retries'),
  });
}

/** A label, so that all engines and clients can carry it: see docs/health.md. */
function restartUnhealthy(flags: Flags): Record<string, string> {
  if (!flags.bool('restart-unhealthy')) return {};
  if (flags.bool('rm')) throw wrong('conflicting options: cannot specify both --restart-unhealthy and --rm');
  return { 'gantry.restart-unhealthy': 'true' };
}

function namespaces(flags: Flags): Record<string, unknown> {
  const pid = flags.text('pid');
  if (pid !== '' && pid !== 'host' && !/^container:.+/.test(pid)) throw wrong(`--pid: invalid PID mode`);
  const uts = flags.text('uts');
  if (uts !== '' && uts !== 'host') throw wrong('--uts: invalid UTS mode');
  const userns = flags.text('userns');
  if (userns !== '' && userns !== 'host') throw wrong('--userns: invalid USER mode');
  const cgroupns = flags.text('cgroupns');
  if (cgroupns !== '' && cgroupns !== 'host' && cgroupns !== 'private') throw wrong('--cgroupns: invalid CGROUP mode');
  return { IpcMode: flags.text('ipc'), PidMode: pid, UTSMode: uts, UsernsMode: userns, CgroupnsMode: cgroupns };
}

function limits(flags: Flags): Record<string, unknown> {
  const swappiness = flags.number('memory-swappiness');
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100))
    throw wrong(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  return {
    ...only({
      CpuShares: flags.number('cpu-shares'),
      CpuPeriod: flags.number('cpu-period'),
      CpuQuota: flags.number('cpu-quota'),
      CpuRealtimePeriod: flags.number('cpu-rt-period'),
      CpuRealtimeRuntime: flags.number('cpu-rt-runtime'),
      NanoCpus: flags.number('cpus'),
      CpusetCpus: flags.text('cpuset-cpus'),
      CpusetMems: flags.text('cpuset-mems'),
      Memory: flags.number('memory'),
      MemoryReservation: flags.number('memory-reservation'),
      MemorySwap: flags.number('memory-swap'),
      KernelMemory: flags.number('kernel-memory'),
      PidsLimit: flags.number('pids-limit'),
      BlkioWeight: flags.number('blkio-weight'),
      BlkioWeightDevice: flags.list('blkio-weight-device').map(parseWeight),
      BlkioDeviceReadBps: flags.list('device-read-bps').map(parseByteRate),
      BlkioDeviceWriteBps: flags.list('device-write-bps').map(parseByteRate),
      BlkioDeviceReadIOps: flags.list('device-read-iops').map(parseOperationRate),
      BlkioDeviceWriteIOps: flags.list('device-write-iops').map(parseOperationRate),
      OomKillDisable: flags.bool('oom-kill-disable'),
      OomScoreAdj: flags.number('oom-score-adj'),
      ShmSize: flags.number('shm-size'),
      CgroupParent: flags.text('cgroup-parent'),
      Ulimits: flags.list('ulimit').map(parseUlimit),
    }),
    ...(swappiness === -1 ? {} : { MemorySwappiness: swappiness }),
  };
}

function hostConfig(flags: Flags, around: Around, networkMode: string): CreateBody['HostConfig'] {
  const volumes = planVolumes(flags.list('volume'), flags.list('tmpfs'), around.cwd);
  const security = readSecurity(flags.list('security-opt'));
  const dropped = capabilityNames(flags.list('cap-drop'));
  const added = capabilityNames(flags.list('cap-add'));
  const devices = flags.list('device');
  const logDriver = flags.text('log-driver');
  const logOptions = pairsToMap(flags.list('log-opt'));
  if (logDriver === 'none' && Object.keys(logOptions).length > 0) throw wrong(`invalid logging opts for driver ${logDriver}`);
  return {
    ...only({
      Binds: volumes.binds,
      Tmpfs: volumes.tmpfs,
      Mounts: flags.list('mount').map(parseMount),
      VolumeDriver: flags.text('volume-driver'),
      VolumesFrom: flags.list('volumes-from'),
      ContainerIDFile: flags.text('cidfile'),
      LogConfig: only({ Type: logDriver, Config: logOptions }),
      PortBindings: planPorts(flags.list('publish'), []).bindings,
      PublishAllPorts: flags.bool('publish-all'),
      RestartPolicy: restartPolicy(flags),
      AutoRemove: flags.bool('rm'),
      CapAdd: added,
      CapDrop: dropped.filter((name) => name === 'ALL' || !added.includes(name)),
      Dns: flags.list('dns'),
      DnsOptions: [...flags.list('dns-opt'), ...flags.list('dns-option')],
      DnsSearch: flags.list('dns-search'),
      ExtraHosts: flags.list('add-host').map(parseHost),
      GroupAdd: flags.list('group-add'),
      Links: flags.list('link'),
      Privileged: flags.bool('privileged'),
      ReadonlyRootfs: flags.bool('read-only'),
      SecurityOpt: security.options,
      StorageOpt: pairsToMap(flags.list('storage-opt')),
      Sysctls: pairsToMap(flags.list('sysctl')),
      Annotations: pairsToMap(flags.list('annotation')),
      Runtime: flags.text('runtime'),
      Isolation: flags.text('isolation'),
      Devices: devices.filter((device) => !isCdi(device)).map(parseDevice),
      DeviceCgroupRules: flags.list('device-cgroup-rule'),
      DeviceRequests: devices.some(isCdi) ? [{ Driver: 'cdi', DeviceIDs: devices.filter(isCdi) }] : [],
      ...namespaces(flags),
    }),
    ...limits(flags),
    ...(security.unmasked ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...(flags.given('init') ? { Init: flags.bool('init') } : {}),
    NetworkMode: networkMode,
  };
}

function attachments(flags: Flags): { stdin: boolean; stdout: boolean; stderr: boolean } {
  const wanted = flags.list('attach').map((name) => name.toLowerCase());
  if (wanted.length > 0) return { stdin: wanted.includes('stdin'), stdout: wanted.includes('stdout'), stderr: wanted.includes('stderr') };
  return { stdin: flags.bool('interactive'), stdout: true, stderr: true };
}

/** Turns the flags of `create` and `run` into the request. Throws `CommandFailure` (125) that names the value at fault. */
export function createBody(flags: Flags, image: string, words: readonly string[], around: Around): CreateBody {
  refuse(flags);
  const networks = readNetworks(flags);
  const attach = attachments(flags);
  const labels = { ...readLabels(flags.list('label-file'), flags.list('label')), ...restartUnhealthy(flags) };
  const health = healthcheck(flags);
  const stopTimeout = flags.given('stop-timeout') ? { StopTimeout: flags.number('stop-timeout') } : {};
  const entrypoint = flags.given('entrypoint') ? { Entrypoint: [flags.text('entrypoint')] } : {};
  return {
    ...only({
      Hostname: flags.text('hostname'),
      Domainname: flags.text('domainname'),
      User: flags.text('user'),
      ExposedPorts: planPorts(flags.list('publish'), flags.list('expose')).exposed,
      Env: readEnvironment(flags.list('env-file'), flags.list('env'), around.env),
      Cmd: words,
      Volumes: planVolumes(flags.list('volume'), [], around.cwd).anonymous,
      WorkingDir: flags.text('workdir'),
      Labels: labels,
      StopSignal: flags.text('stop-signal'),
      Healthcheck: health,
    }),
    ...stopTimeout,
    ...entrypoint,
    Image: image,
    AttachStdin: attach.stdin,
    AttachStdout: attach.stdout,
    AttachStderr: attach.stderr,
    OpenStdin: flags.bool('interactive'),
    StdinOnce: flags.bool('interactive') && attach.stdin,
    Tty: flags.bool('tty'),
    HostConfig: hostConfig(flags, around, networks[0].name),
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(networks.map((one) => [one.name, endpointBody(one)])) },
  };
}
