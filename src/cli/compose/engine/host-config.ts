import { Section } from '../project/section.ts';

/** Leaves out what says nothing. */
export function only(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => {
      if (value === undefined || value === '' || value === false) return false;
      return Array.isArray(value) ? value.length > 0 : typeof value !== 'object' || value === null || Object.keys(value).length > 0;
    }),
  );
}

const BILLION = 1e9;

function resources(service: Section): Record<string, unknown> {
  const deploy = service.section('deploy').section('resources');
  const [limits, reservations] = [deploy.section('limits'), deploy.section('reservations')];
  const cpus = limits.number('cpus') ?? service.number('cpus');
  const microseconds = (key: string) => {
    const text = service.text(key);
    return text === undefined ? undefined : /^\d+$/.test(text) ? Number(text) : (service.duration(key) ?? 0) / 1000;
  };
  return {
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * BILLION),
    Memory: limits.size('memory') ?? service.size('mem_limit'),
    MemoryReservation: reservations.size('memory') ?? service.size('mem_reservation'),
    MemorySwap: service.size('memswap_limit'),
    MemorySwappiness: service.number('mem_swappiness'),
    PidsLimit: limits.number('pids') ?? service.number('pids_limit'),
    CpuShares: service.number('cpu_shares'),
    CpuQuota: service.number('cpu_quota'),
    CpuPeriod: microseconds('cpu_period'),
    CpuRealtimePeriod: microseconds('cpu_rt_period'),
    CpuRealtimeRuntime: microseconds('cpu_rt_runtime'),
    CpusetCpus: service.text('cpuset'),
    OomKillDisable: service.truth('oom_kill_disable'),
    OomScoreAdj: service.number('oom_score_adj'),
    ShmSize: service.size('shm_size'),
    CgroupParent: service.text('cgroup_parent'),
    Ulimits: service.entries('ulimits').map(([name, value]) => {
      const both = new Section(value);
      const one = Number(value);
      return { Name: name, Soft: both.number('soft') ?? one, Hard: both.number('hard') ?? one };
    }),
    ...blockIo(service.section('blkio_config')),
  };
}

function blockIo(config: Section): Record<string, unknown> {
  const rates = (key: string) => config.sections(key).map((one) => ({ Path: one.text('path'), Rate: one.size('rate') }));
  return {
    BlkioWeight: config.number('weight'),
    BlkioWeightDevice: config.sections('weight_device').map((one) => ({ Path: one.text('path'), Weight: one.number('weight') })),
    BlkioDeviceReadBps: rates('device_read_bps'),
    BlkioDeviceReadIOps: rates('device_read_iops'),
    BlkioDeviceWriteBps: rates('device_write_bps'),
    BlkioDeviceWriteIOps: rates('device_write_iops'),
  };
}

const CONDITIONS: Readonly<Record<string, string>> = { none: 'no', any: 'always' };

/** `restart` wins over what the deploy section says. */
function restartPolicy(service: Section): { Name: string; MaximumRetryCount: number } {
  const text = service.text('restart');
  if (text !== undefined) {
    const [name = 'no', count] = text.split(':');
    return { Name: name === 'false' ? 'no' : name, MaximumRetryCount: Number(count ?? 0) };
  }
  const policy = service.section('deploy').section('restart_policy');
  const condition = policy.text('condition') ?? (service.section('deploy').has('restart_policy') ? 'any' : 'no');
  const name = CONDITIONS[condition] ?? condition;
  return { Name: name, MaximumRetryCount: name === 'on-failure' ? (policy.number('max_attempts') ?? 0) : 0 };
}

function portBindings(service: Section): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of service.sections('ports')) {
    const key = `${port.text('target')}/${port.text('protocol') ?? 'tcp'}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: port.text('host_ip') ?? '', HostPort: port.text('published') ?? '' }];
  }
  return bindings;
}

/** Names of containers that other services' namespaces and volumes are taken from. */
export type ContainerOf = (service: string) => string;

const modeOf = (text: string | undefined, containerOf: ContainerOf) => {
  const other = /^service:(.+)$/.exec(text ?? '')?.[1];
  return other === undefined ? text : `container:${containerOf(other)}`;
};

export const networkModeOf = (service: Section, containerOf: ContainerOf) => modeOf(service.text('network_mode'), containerOf);

function volumesFrom(service: Section, containerOf: ContainerOf): string[] {
  return service.texts('volumes_from').map((from) => {
    if (from.startsWith('container:')) return from.slice('container:'.length);
    const [name = '', mode] = from.split(':');
    return containerOf(name) + (mode === undefined ? '' : `:${mode}`);
  });
}

/** HostConfig of a service, besides networks and mounts. */
export function hostConfig(service: Section, containerOf: ContainerOf): Record<string, unknown> {
  const logging = service.section('logging');
  return {
    ...only({
      ...resources(service),
      Annotations: service.pairs('annotations'),
      CapAdd: service.texts('cap_add'),
      CapDrop: service.texts('cap_drop'),
      CgroupnsMode: service.text('cgroup'),
      DeviceCgroupRules: service.texts('device_cgroup_rules'),
      Devices: service.sections('devices').map((one) => ({
        PathOnHost: one.text('source'),
        PathInContainer: one.text('target') ?? one.text('source'),
        CgroupPermissions: one.text('permissions') ?? 'rwm',
      })),
      Dns: service.texts('dns'),
      DnsOptions: service.texts('dns_opt'),
      DnsSearch: service.texts('dns_search'),
      ExtraHosts: service.entries('extra_hosts').flatMap(([name, addresses]) => [addresses].flat().map((address) => `${name}:${address}`)),
      GroupAdd: service.texts('group_add'),
      Init: service.truth('init') === true ? true : undefined,
      IpcMode: modeOf(service.text('ipc'), containerOf),
      LogConfig:
        logging.has('driver') || logging.has('options') ? { Type: logging.text('driver') ?? '', Config: logging.pairs('options') } : {},
      PidMode: modeOf(service.text('pid'), containerOf),
      PortBindings: portBindings(service),
      Privileged: service.truth('privileged'),
      ReadonlyRootfs: service.truth('read_only'),
      Runtime: service.text('runtime'),
      SecurityOpt: service.texts('security_opt'),
      Sysctls: service.pairs('sysctls'),
      Tmpfs: Object.fromEntries(
        service.texts('tmpfs').map((one) => [one.split(':')[0] ?? '', one.includes(':') ? one.slice(one.indexOf(':') + 1) : '']),
      ),
      UTSMode: service.text('uts'),
      UsernsMode: service.text('userns_mode'),
      VolumesFrom: volumesFrom(service, containerOf),
    }),
    RestartPolicy: restartPolicy(service),
  };
}
