/** The `config` of an image while a stage changes it. Empty lists and texts are left out of the document, as Docker does. */
export interface Configuration {
  user: string;
  exposedPorts: Set<string>;
  environment: string[];
  entrypoint: readonly string[];
  command: readonly string[];
  volumes: Set<string>;
  workingDirectory: string;
  labels: Map<string, string>;
  stopSignal: string;
  argumentsEscaped: boolean;
  healthcheck: Readonly<Record<string, unknown>> | undefined;
  triggers: readonly string[];
  shell: readonly string[];
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function readConfiguration(config: unknown): Configuration {
  const from = isObject(config) ? config : {};
  const labels = isObject(from.Labels) ? from.Labels : {};
  return {
    user: textOf(from.User),
    exposedPorts: new Set(Object.keys(isObject(from.ExposedPorts) ? from.ExposedPorts : {})),
    environment: [...textsOf(from.Env)],
    entrypoint: textsOf(from.Entrypoint),
    command: textsOf(from.Cmd),
    volumes: new Set(Object.keys(isObject(from.Volumes) ? from.Volumes : {})),
    workingDirectory: textOf(from.WorkingDir),
    labels: new Map(Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
    stopSignal: textOf(from.StopSignal),
    argumentsEscaped: from.ArgsEscaped === true,
    healthcheck: isObject(from.Healthcheck) ? from.Healthcheck : undefined,
    triggers: textsOf(from.OnBuild),
    shell: textsOf(from.Shell),
  };
}

export function copyConfiguration(config: Configuration): Configuration {
  return {
    ...config,
    exposedPorts: new Set(config.exposedPorts),
    environment: [...config.environment],
    volumes: new Set(config.volumes),
    labels: new Map(config.labels),
  };
}

/** Keys in the order of Docker's. */
export function writeConfiguration(config: Configuration): Record<string, unknown> {
  const document: Record<string, unknown> = {
    User: config.user,
    ExposedPorts: emptyObjects(config.exposedPorts),
    Env: config.environment,
    Entrypoint: config.entrypoint,
    Cmd: config.command,
    Volumes: emptyObjects(config.volumes),
    WorkingDir: config.workingDirectory,
    Labels: Object.fromEntries([...config.labels].sort(byKey)),
    StopSignal: config.stopSignal,
    ArgsEscaped: config.argumentsEscaped,
    Healthcheck: config.healthcheck,
    OnBuild: config.triggers,
    Shell: config.shell,
  };
  return Object.fromEntries(
    Object.entries(document).filter(([key, value]) => !isEmpty(value) || (key === 'Healthcheck' && value !== undefined)),
  );
}

/** Sets a variable where it stands, or adds it. */
export function setVariable(environment: string[], key: string, value: string): void {
  const at = environment.findIndex((entry) => entry.split('=', 1)[0] === key);
  if (at < 0) environment.push(`${key}=${value}`);
  else environment[at] = `${key}=${value}`;
}

export function splitVariable(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

const byKey = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : a > b ? 1 : 0);
const emptyObjects = (keys: Set<string>) => Object.fromEntries([...keys].sort().map((key) => [key, {}]));
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
