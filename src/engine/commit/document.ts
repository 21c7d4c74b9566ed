import { invalid } from '../../base/index.ts';
import { dockerConfig, goJson, goTime } from '../../images/index.ts';
import type { ContainerRecord, ImageRecord } from '../../model/index.ts';

type Json = Record<string, unknown>;

/** Docker's order of the fields (moby, api/types/container/config.go): the digest of the document is the image's id. */
const TEXTS = ['Hostname', 'Domainname', 'User', 'Image', 'WorkingDir', 'StopSignal', 'MacAddress'];
const FLAGS = ['AttachStdin', 'AttachStdout', 'AttachStderr', 'Tty', 'OpenStdin', 'StdinOnce', 'ArgsEscaped', 'NetworkDisabled'];
const LISTS = ['Env', 'Cmd', 'Entrypoint', 'OnBuild', 'Shell'];
const MAPS = ['ExposedPorts', 'Volumes', 'Labels'];

/** Whose place a container took, in the words of an image's configuration. */
export function containerConfig({ spec }: ContainerRecord): Json {
  const exposed = [
    ...spec.exposedPorts.map((port) => `${port.port}/${port.protocol}`),
    ...spec.ports.map((port) => `${port.containerPort}/${port.protocol}`),
  ];
  const volumes = spec.mounts.filter((mount) => mount.type === 'volume' && mount.anonymous).map((mount) => mount.target);
  const check = spec.healthCheck;
  return dockerConfig({
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
    ...(check
      ? {
          Healthcheck: withoutZeros({
            Test: check.test,
            Interval: check.interval,
            Timeout: check.timeout,
            StartPeriod: check.startPeriod,
            StartInterval: check.startInterval,
            Retries: check.retries,
          }),
        }
      : {}),
    Image: spec.image,
    Volumes: volumes.length > 0 ? emptyObjects(volumes) : null,
    WorkingDir: spec.workingDirectory,
    Entrypoint: spec.entrypoint.length > 0 ? spec.entrypoint : null,
    NetworkDisabled: spec.networkDisabled,
    Labels: spec.labels,
    StopSignal: spec.stopSignal === 'SIGTERM' ? '' : spec.stopSignal,
    ...(spec.stopTimeout === undefined ? {} : { StopTimeout: spec.stopTimeout }),
  });
}

/** A configuration that a client sent: known fields only. Fails with `invalid`, naming the field. */
export function readConfig(given: Json): Json {
  const wrong = (key: string, what: string) => invalid(`the field ${key} of the configuration is not ${what}`);
  for (const key of TEXTS) if (!isNothing(given[key]) && typeof given[key] !== 'string') throw wrong(key, 'a text');
  for (const key of FLAGS) if (!isNothing(given[key]) && typeof given[key] !== 'boolean') throw wrong(key, 'true or false');
  for (const key of LISTS) if (!isNothing(given[key]) && !isTexts(given[key])) throw wrong(key, 'a list of texts');
  for (const key of [...MAPS, 'Healthcheck'])
    if (!isNothing(given[key]) && (typeof given[key] !== 'object' || Array.isArray(given[key]))) throw wrong(key, 'an object');
  for (const value of Object.values((given.Labels ?? {}) as Json))
    if (typeof value !== 'string') throw wrong('Labels', 'an object of texts');
  if (!isNothing(given.StopTimeout) && !Number.isSafeInteger(given.StopTimeout)) throw wrong('StopTimeout', 'a whole number');
  const check = (given.Healthcheck ?? {}) as Json;
  if (!isNothing(check.Test) && !isTexts(check.Test)) throw wrong('Healthcheck.Test', 'a list of texts');
  return dockerConfig(given);
}

/** What the client's configuration leaves open is the container's (moby, daemon/commit.go). */
export function mergeConfig(own: Json, container: Json): Json {
  const merged = { ...own };
  for (const key of ['User', 'WorkingDir', 'StopSignal']) if (isNothing(own[key]) || own[key] === '') merged[key] = container[key];
  for (const key of MAPS) {
    const both = { ...(container[key] as Json | null), ...(own[key] as Json | null) };
    merged[key] = isNothing(own[key]) ? container[key] : both;
  }
  merged.Env = mergeEnvironment((own.Env ?? []) as string[], (container.Env ?? []) as string[]);
  if (isEmpty(own.Entrypoint)) {
    if (isEmpty(own.Cmd)) merged.Cmd = container.Cmd;
    if (isNothing(own.Entrypoint)) merged.Entrypoint = container.Entrypoint;
  }
  merged.Healthcheck = mergeHealthcheck(own.Healthcheck, container.Healthcheck);
  return dockerConfig(merged);
}

/** Field by field: what was not said is the container's (moby, daemon/commit.go). */
function mergeHealthcheck(own: unknown, container: unknown): unknown {
  if (isNothing(own) || isNothing(container)) return own ?? container;
  const [given, rest] = [own as Json, container as Json];
  const fields = ['Test', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'];
  const chosen = fields.map((key) => [key, isEmpty(given[key]) || given[key] === 0 ? rest[key] : given[key]] as const);
  return Object.fromEntries(chosen.filter(([, value]) => !isEmpty(value) && value !== 0));
}

/** The configuration blob of an image that adds a layer (or nothing) to another one. */
export function imageDocument(options: {
  parent: ImageRecord;
  record: ContainerRecord;
  config: Json;
  created: string;
  author: string;
  message: string;
  version: string;
  /** Undefined when nothing was added. */
  diffId: string | undefined;
}): Buffer {
  const { parent, record, config, author, message, version, diffId } = options;
  const created = goTime(options.created);
  const container = containerConfig(record);
  const history = parent.history.map((entry) => ({
    ...(entry.created ? { created: entry.created } : {}),
    ...historyTexts(entry.createdBy, entry.author ?? '', entry.comment),
    ...(entry.emptyLayer ? { empty_layer: true } : {}),
  }));
  const newest = {
    created,
    ...historyTexts(((container.Cmd as string[] | null) ?? []).join(' '), author, message),
    ...(diffId === undefined ? { empty_layer: true } : {}),
  };
  const { variant } = parent;
  const features = parent.rawConfig['os.features'];
  const osVersion = parent.rawConfig['os.version'];
  const document = {
    architecture: parent.architecture,
    ...(author ? { author } : {}),
    config,
    container: record.id,
    container_config: container,
    created,
    docker_version: version,
    history: [...history, newest],
    os: parent.os,
    ...(features === undefined ? {} : { 'os.features': features }),
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    rootfs: { type: 'layers', diff_ids: [...parent.layers, ...(diffId === undefined ? [] : [diffId])] },
    ...(variant ? { variant } : {}),
  };
  return Buffer.from(goJson(document));
}

function historyTexts(createdBy: string, author: string, comment: string): Json {
  return { ...(createdBy ? { created_by: createdBy } : {}), ...(author ? { author } : {}), ...(comment ? { comment } : {}) };
}

function mergeEnvironment(own: readonly string[], container: readonly string[]): string[] | null {
  const names = new Set(own.map((entry) => entry.split('=', 1)[0]));
  const both = [...own, ...container.filter((entry) => !names.has(entry.split('=', 1)[0] ?? ''))];
  return both.length > 0 ? both : null;
}

const isNothing = (value: unknown): value is null | undefined => value === null || value === undefined;
const isEmpty = (value: unknown) => isNothing(value) || (Array.isArray(value) && value.length === 0);
const isTexts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string');
const emptyObjects = (names: readonly string[]): Json => Object.fromEntries(names.map((name) => [name, {}]));
const withoutZeros = (values: Json): Json => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0));
