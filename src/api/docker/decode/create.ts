import { constants } from 'node:os';
import { invalid, unsupported } from '../../../base/index.ts';
import type { CreateContainer, HostDescription } from '../../../engine/index.ts';
import { checkConflicts } from './conflicts.ts';
import { Fields } from './fields.ts';
import { decodeMounts, decodeVolumesFrom } from './mounts.ts';
import {
  decodeCgroupNamespaceMode,
  decodeCgroupParent,
  decodeIpcMode,
  decodeNetworkMode,
  decodePidMode,
  decodeUtsMode,
  refuseForeignModes,
} from './namespaces.ts';
import { decodeEndpoints, decodeExtraHosts, decodeLinks, decodeNameService } from './networking.ts';
import { decodeHealthCheck, decodeLog, decodeRestartPolicy } from './policies.ts';
import { decodeExposedPorts, decodeExposures, decodePortBindings } from './ports.ts';
import { decodeResources, decodeUlimits } from './resources.ts';
import { decodeCapabilities, decodeDeviceRules, decodeDevices, decodeSecurityOptions, decodeSysctls } from './security.ts';

/** Docker's default size of /dev/shm, bytes. */
const SHM_SIZE = 64 * 1024 * 1024;

export interface CreateContext {
  name: string | undefined;
  platform: string | undefined;
  /** Minor number of the client's API version. */
  minor: number;
  host: Pick<HostDescription, 'processors' | 'cgroupVersion' | 'runtimes' | 'defaultRuntime'>;
}

/** What the dialect keeps of a request so that inspect can echo it. */
export interface KeptRequest {
  HostConfig: Record<string, unknown>;
  Volumes: Record<string, unknown>;
  Endpoints: Record<string, unknown>;
}

/**
 * The body of `POST /containers/create` as a specification. Every field of Config, HostConfig and NetworkingConfig is
 * honoured, or refused by name when it asks for something.
 */
export function decodeCreate(document: Record<string, unknown> | undefined, context: CreateContext): CreateContainer {
  if (!document) throw invalid('Config cannot be empty in order to create a container: the request has no body');
  const config = new Fields(document, '');
  const host = config.object('HostConfig') ?? Fields.empty('HostConfig');
  refuseForeignModes(host);
  if (Object.keys(host.stringMap('StorageOpt')).length > 0)
    throw unsupported("HostConfig.StorageOpt is not supported: the size of a container's layer cannot be limited here");
  if ((config.strings('Shell') ?? []).length > 0)
    throw unsupported('Config.Shell is not supported for containers: give the command and the health check in their list form');
  if ((config.strings('OnBuild') ?? []).length > 0)
    throw unsupported('Config.OnBuild is not supported for containers: it belongs to images');
  const image = config.string('Image');
  if (image === '') throw invalid('no image specified: Config.Image must not be empty');
  const healthCheck = decodeHealthCheck(config);
  const spec: CreateContainer['spec'] = {
    image,
    platform: context.platform ?? '',
    ...decodeProcess(config),
    ...decodeIsolation(config, host, context),
    ...decodeConnections(config, host),
    mounts: decodeMounts(config, host),
    volumesFrom: decodeVolumesFrom(host),
    resources: decodeResources(host, context.host.processors),
    ulimits: decodeUlimits(host),
    restart: decodeRestartPolicy(host) ?? { name: 'no', maximumRetryCount: 0 },
    autoRemove: host.boolean('AutoRemove'),
    log: decodeLog(host),
    runtime: decodeRuntime(host, context),
    cgroupParent: decodeCgroupParent(host),
    annotations: host.stringMap('Annotations'),
    ...(healthCheck ? { healthCheck } : {}),
  };
  checkConflicts(spec);
  return { ...(context.name === undefined ? {} : { name: context.name }), spec, request: keep(config) };
}

function decodeProcess(config: Fields) {
  const environment = config.strings('Env') ?? [];
  for (const entry of environment) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`);
    if (entry.includes('\0')) throw invalid(`invalid environment variable: ${entry.split('=')[0]} contains a zero byte`);
  }
  const stopTimeout = config.optionalInteger('StopTimeout');
  return {
    hostname: checkHostname(config.string('Hostname')),
    domainname: config.string('Domainname'),
    user: config.string('User'),
    workingDirectory: checkWorkingDirectory(config.string('WorkingDir')),
    entrypoint: config.stringsOrString('Entrypoint'),
    command: config.stringsOrString('Cmd'),
    environment,
    labels: config.stringMap('Labels'),
    stopSignal: checkSignal(config.string('StopSignal')),
    tty: config.boolean('Tty'),
    openStdin: config.boolean('OpenStdin'),
    stdinOnce: config.boolean('StdinOnce'),
    attachStdin: config.boolean('AttachStdin'),
    attachStdout: config.boolean('AttachStdout'),
    attachStderr: config.boolean('AttachStderr'),
    networkDisabled: config.boolean('NetworkDisabled'),
    ...(stopTimeout === undefined ? {} : { stopTimeout }),
  };
}

function decodeIsolation(_config: Fields, host: Fields, context: CreateContext) {
  const security = decodeSecurityOptions(host);
  const maskedPaths = security.unmaskedPaths ? [] : host.strings('MaskedPaths');
  const readonlyPaths = security.unmaskedPaths ? [] : host.strings('ReadonlyPaths');
  const shmSize = host.integer('ShmSize');
  if (shmSize < 0) throw invalid('SHM size can not be less than 0');
  const oomScoreAdjust = host.integer('OomScoreAdj');
  if (oomScoreAdjust < -1000 || oomScoreAdjust > 1000)
    throw invalid(`Invalid value ${oomScoreAdjust}, range for oom score adj is [-1000, 1000]`);
  return {
    groupAdd: host.strings('GroupAdd') ?? [],
    init: host.boolean('Init'),
    readOnlyRoot: host.boolean('ReadonlyRootfs'),
    capabilitiesAdd: decodeCapabilities(host, 'CapAdd'),
    capabilitiesDrop: decodeCapabilities(host, 'CapDrop'),
    privileged: host.boolean('Privileged'),
    seccomp: security.seccomp,
    noNewPrivileges: security.noNewPrivileges,
    devices: decodeDevices(host),
    deviceRules: decodeDeviceRules(host),
    oomScoreAdjust,
    sysctls: decodeSysctls(host),
    shmSize: shmSize || SHM_SIZE,
    ipcMode: decodeIpcMode(host),
    pidMode: decodePidMode(host),
    utsMode: decodeUtsMode(host),
    cgroupNamespaceMode: decodeCgroupNamespaceMode(host, context.host.cgroupVersion, context.minor),
    ...(maskedPaths ? { maskedPaths } : {}),
    ...(readonlyPaths ? { readonlyPaths } : {}),
  };
}

function decodeConnections(config: Fields, host: Fields) {
  const networkMode = decodeNetworkMode(host);
  const exposures = decodeExposures(config);
  return {
    networkMode,
    endpoints: decodeEndpoints(config, networkMode),
    ports: decodePortBindings(host, exposures),
    ...(exposures ? { exposures } : {}),
    exposedPorts: decodeExposedPorts(config),
    publishAll: host.boolean('PublishAllPorts'),
    ...decodeNameService(host),
    extraHosts: decodeExtraHosts(host),
    links: decodeLinks(host),
  };
}

function decodeRuntime(host: Fields, context: CreateContext): string {
  const name = host.string('Runtime');
  if (name === '') return context.host.defaultRuntime;
  if (!Object.hasOwn(context.host.runtimes, name)) {
    throw invalid(`unknown or invalid runtime name: ${name}`, `Installed here: ${Object.keys(context.host.runtimes).join(', ')}.`);
  }
  return name;
}

function checkHostname(name: string): string {
  // 64 is what sethostname(2) takes.
  if (name !== '' && (Buffer.byteLength(name) > 64 || /[\s\p{Cc}]/u.test(name))) throw invalid(`invalid hostname format: ${name}`);
  return name;
}

function checkWorkingDirectory(path: string): string {
  if (path !== '' && !path.startsWith('/')) throw invalid(`the working directory '${path}' is invalid, it needs to be an absolute path`);
  return path;
}

/** A name with or without SIG, a number, or a real-time signal such as RTMIN+3. */
function checkSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known =
    text === '' ||
    Object.hasOwn(constants.signals, `SIG${name}`) ||
    /^RT(MIN|MAX)([+-]\d{1,2})?$/.test(name) ||
    (/^\d{1,2}$/.test(name) && Number(name) >= 1 && Number(name) <= 64);
  if (!known) throw invalid(`invalid signal: ${text}`);
  return text;
}

function keep(config: Fields): KeptRequest {
  const hostConfig = (config.raw('HostConfig') ?? {}) as Record<string, unknown>;
  return {
    HostConfig: Object.fromEntries(
      Object.entries(hostConfig).flatMap(([name, value]) =>
        value === null ? [] : [[name, name === 'PortBindings' ? bindings(value) : value]],
      ),
    ),
    Volumes: (config.raw('Volumes') ?? {}) as Record<string, unknown>,
    Endpoints: (config.object('NetworkingConfig')?.raw('EndpointsConfig') ?? {}) as Record<string, unknown>,
  };
}

/** Inspect shows both fields of a binding, named or not. */
function bindings(value: unknown): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, Record<string, unknown>[] | null>).map(([port, list]) => [
      port,
      (list ?? []).map((binding) => ({ HostIp: '', HostPort: '', ...binding })),
    ]),
  );
}
