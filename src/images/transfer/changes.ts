import { invalid } from '../../base/index.ts';

/** The `config` part of an image configuration, in the words of the image specification. */
export interface ConfigDocument {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: { Test: string[]; Interval?: number; Timeout?: number; StartPeriod?: number; StartInterval?: number; Retries?: number };
}

type Instruction = (config: ConfigDocument, rest: string, line: string) => void;

const INSTRUCTIONS: Record<string, Instruction> = {
  CMD: (config, rest) => {
    config.Cmd = command(rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = command(rest);
  },
  ENV: (config, rest, line) => {
    for (const [key, value] of pairs(rest, line))
      config.Env = [...(config.Env ?? []).filter((e) => !e.startsWith(`${key}=`)), `${key}=${value}`];
  },
  LABEL: (config, rest, line) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(rest, line)) };
  },
  EXPOSE: (config, rest, line) => {
    for (const port of words(rest)) {
      if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(port)) throw invalid(`invalid port ${port} in "${line}"`);
      config.ExposedPorts = { ...config.ExposedPorts, [port.includes('/') ? port : `${port}/tcp`]: {} };
    }
  },
  VOLUME: (config, rest) => {
    for (const path of list(rest) ?? words(rest)) config.Volumes = { ...config.Volumes, [path]: {} };
  },
  USER: (config, rest) => {
    config.User = rest;
  },
  WORKDIR: (config, rest) => {
    config.WorkingDir = rest.startsWith('/') ? rest : `${config.WorkingDir ?? ''}/${rest}`.replace(/\/+/g, '/');
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = rest;
  },
  ONBUILD: (config, rest) => {
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  HEALTHCHECK: (config, rest, line) => {
    config.Healthcheck = healthCheck(rest, line);
  },
};

/** Applies Dockerfile instructions that only change the configuration, as `import --change` and `commit --change` take them. */
export function applyChanges(config: ConfigDocument, changes: readonly string[]): ConfigDocument {
  const changed = structuredClone(config);
  for (const line of changes.flatMap((text) => text.split('\n')).map((text) => text.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const apply = INSTRUCTIONS[name.toUpperCase()];
    if (!apply) throw invalid(`${name.toUpperCase()} is not a valid change command`, `Known are ${Object.keys(INSTRUCTIONS).join(', ')}.`);
    if (rest === '') throw invalid(`${name.toUpperCase()} needs at least one argument: "${line}"`);
    apply(changed, rest, line);
  }
  return changed;
}

/** A JSON list of strings, or undefined. */
function list(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((p) => typeof p === 'string') ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const command = (text: string): string[] => list(text) ?? ['/bin/sh', '-c', text];

/** Splits at white space; quotes keep it together, a backslash takes the next character as it is. */
function words(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs)) {
    found.push(
      match[0].replace(
        /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
        (_all, single, double, escaped) => single ?? double?.replace(/\\(["\\$])/g, '$1') ?? escaped,
      ),
    );
  }
  return found;
}

/** `KEY=VALUE …`, or the old form `KEY VALUE`. */
function pairs(text: string, line: string): [string, string][] {
  const parts = words(text);
  if (!parts[0]?.includes('=')) {
    const [, key, value] = /^(\S+)\s+(.+)$/s.exec(text) ?? [];
    if (!key || value === undefined) throw invalid(`"${line}" must name a value: KEY=VALUE`);
    return [[key, value]];
  }
  return parts.map((part) => {
    const at = part.indexOf('=');
    if (at < 1) throw invalid(`cannot read "${part}" in "${line}": write KEY=VALUE`);
    return [part.slice(0, at), part.slice(at + 1)];
  });
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of a duration such as 1m30s. */
function duration(text: string, line: string): number {
  if (!/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text)) throw invalid(`invalid duration "${text}" in "${line}"`);
  let total = 0;
  for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ns|us|ms|s|m|h)/g)) total += Number(number) * (UNITS[unit ?? ''] ?? 0);
  return Math.round(total);
}

function healthCheck(rest: string, line: string): NonNullable<ConfigDocument['Healthcheck']> {
  if (/^none$/i.test(rest.trim())) return { Test: ['NONE'] };
  const check: NonNullable<ConfigDocument['Healthcheck']> = { Test: [] };
  let text = rest;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(text); flag; flag = /^--([a-z-]+)=(\S+)\s*/.exec(text)) {
    const [all, name, value = ''] = flag;
    if (name === 'interval') check.Interval = duration(value, line);
    else if (name === 'timeout') check.Timeout = duration(value, line);
    else if (name === 'start-period') check.StartPeriod = duration(value, line);
    else if (name === 'start-interval') check.StartInterval = duration(value, line);
    else if (name === 'retries' && /^\d+$/.test(value)) check.Retries = Number(value);
    else throw invalid(`unknown flag --${name} in "${line}"`);
    text = text.slice(all.length);
  }
  const [, line2] = /^CMD\s+(.*)$/is.exec(text) ?? [];
  if (!line2) throw invalid(`HEALTHCHECK needs CMD or NONE: "${line}"`);
  const exec = list(line2);
  check.Test = exec ? ['CMD', ...exec] : ['CMD-SHELL', line2];
  return check;
}
