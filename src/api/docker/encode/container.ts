import type { ContainerRecord, HealthCheck } from '../../../model/index.ts';
import type { KeptRequest } from '../decode/create.ts';
import { encodeHostConfig, networkModeText } from './host-config.ts';
import { encodeMountPoints, type FindVolume } from './mount-points.ts';
import { encodeEndpoints, encodeNetworkSettings, encodePortList } from './network-settings.ts';
import { encodeState } from './status.ts';

export interface InspectContext {
  minor: number;
  findVolume: FindVolume;
  paths: { log: string; resolver: string; hostname: string; hosts: string };
  /** Host directory of the merged root. */
  root: string;
  execIds: string[];
  sizes?: { writable: number; root: number };
}

/** What the dialect kept at create; records made by something else have nothing to echo. */
export function keptRequest(record: ContainerRecord): KeptRequest {
  const kept = (record.request ?? {}) as Partial<KeptRequest>;
  return { HostConfig: kept.HostConfig ?? {}, Volumes: kept.Volumes ?? {}, Endpoints: kept.Endpoints ?? {} };
}

/** The document of `GET /containers/{id}/json`. */
export function encodeInspect(record: ContainerRecord, context: InspectContext): Record<string, unknown> {
  const { spec, state } = record;
  const kept = keptRequest(record);
  const words = [...spec.entrypoint, ...spec.command];
  const started = state.startedAt !== '0001-01-01T00:00:00Z';
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: words[0] ?? '',
    Args: words.slice(1),
    State: encodeState(record),
    Image: spec.imageId,
    ResolvConfPath: started ? context.paths.resolver : '',
    HostnamePath: started ? context.paths.hostname : '',
    HostsPath: started ? context.paths.hosts : '',
    LogPath: started && spec.log.driver === 'json-file' ? context.paths.log : '',
    Name: `/${record.name}`,
    RestartCount: state.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: context.execIds.length > 0 ? context.execIds : null,
    HostConfig: encodeHostConfig(record, kept),
    GraphDriver: { Data: { ID: record.id, MergedDir: context.root }, Name: 'overlay2' },
    ...(context.sizes ? { SizeRw: context.sizes.writable, SizeRootFs: context.sizes.root } : {}),
    Mounts: encodeMountPoints(record, kept, context.findVolume),
    Config: encodeConfig(record, kept, context.minor),
    NetworkSettings: encodeNetworkSettings(record, kept),
  };
}

function encodeConfig(record: ContainerRecord, kept: KeptRequest, minor: number): Record<string, unknown> {
  const { spec } = record;
  const exposed = [
    ...spec.exposedPorts.map((p) => `${p.port}/${p.protocol}`),
    ...spec.ports.map((p) => `${p.containerPort}/${p.protocol}`),
  ];
  return {
    Hostname: spec.hostname,
    Domainname: spec.domainname,
    User: spec.user,
    AttachStdin: spec.attachStdin,
    AttachStdout: spec.attachStdout,
    AttachStderr: spec.attachStderr,
    ...(exposed.length > 0 ? { ExposedPorts: emptyObjects(exposed) } : {}),
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    StdinOnce: spec.stdinOnce,
    Env: spec.environment,
    Cmd: spec.command.length > 0 ? spec.command : null,
    ...(spec.healthCheck ? { Healthcheck: encodeHealthCheck(spec.healthCheck) } : {}),
    Image: spec.image,
    Volumes: encodeVolumes(record, kept),
    WorkingDir: spec.workingDirectory,
    Entrypoint: spec.entrypoint.length > 0 ? spec.entrypoint : null,
    ...(spec.networkDisabled ? { NetworkDisabled: true } : {}),
    ...(minor < 44 && macAddress(record) ? { MacAddress: macAddress(record) } : {}),
    OnBuild: null,
    Labels: spec.labels,
    ...(spec.stopSignal && spec.stopSignal !== 'SIGTERM' ? { StopSignal: spec.stopSignal } : {}),
    ...(spec.stopTimeout === undefined ? {} : { StopTimeout: spec.stopTimeout }),
  };
}

function macAddress(record: ContainerRecord): string | undefined {
  return Object.values(record.spec.endpoints).find((endpoint) => endpoint.macAddress)?.macAddress;
}

function emptyObjects(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** The paths that the request and the image declared. */
function encodeVolumes(record: ContainerRecord, kept: KeptRequest): Record<string, object> | null {
  const asked = new Set(((kept.HostConfig['Mounts'] ?? []) as { Target?: string }[]).map((mount) => mount.Target));
  const anonymous = record.spec.mounts
    .filter((mount) => mount.type === 'volume' && mount.anonymous && !asked.has(mount.target))
    .map((mount) => mount.target);
  const paths = [...new Set([...Object.keys(kept.Volumes), ...anonymous])];
  return paths.length > 0 ? emptyObjects(paths) : null;
}

/** Zero means the default and is left out. Durations are nanoseconds. */
export function encodeHealthCheck(check: HealthCheck): Record<string, unknown> {
  return {
    Test: check.test,
    ...(check.interval ? { Interval: check.interval } : {}),
    ...(check.timeout ? { Timeout: check.timeout } : {}),
    ...(check.startPeriod ? { StartPeriod: check.startPeriod } : {}),
    ...(check.startInterval ? { StartInterval: check.startInterval } : {}),
    ...(check.retries ? { Retries: check.retries } : {}),
  };
}

/** One entry of `GET /containers/json`, without its Status, which changes with time. */
export function encodeListEntry(record: ContainerRecord, image: string, minor: number, findVolume: FindVolume): Record<string, unknown> {
  const { spec } = record;
  const kept = keptRequest(record);
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: image,
    ImageID: spec.imageId,
    Command: [...spec.entrypoint, ...spec.command].map(quoted).join(' '),
    Created: Math.floor(Date.parse(record.createdAt) / 1000),
    Ports: encodePortList(record),
    Labels: spec.labels,
    State: record.state.status,
    HostConfig: {
      NetworkMode: networkModeText(spec.networkMode),
      ...(minor >= 46 && Object.keys(spec.annotations).length > 0 ? { Annotations: spec.annotations } : {}),
    },
    NetworkSettings: { Networks: encodeEndpoints(record, kept) },
    Mounts: encodeMountPoints(record, kept, findVolume),
  };
}

/** Words with blanks are quoted, so that the list shows where one ends. */
function quoted(word: string): string {
  return word.includes(' ') ? `'${word}'` : word;
}
