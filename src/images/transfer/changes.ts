import { constants } from 'node:os';
import { posix } from 'node:path';
import { invalid } from '../../base/index.ts';

/** The `config` part of an image configuration, in the words of the image specification. */
export interface ConfigDocument {
  User?: string;
  ExposedPorts?: Record<string, object> | null;
  Env?: string[] | null;
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  OnBuild?: string[] | null;
  Shell?: string[];
  Healthcheck?: { Test: string[]; Interval?: number; Timeout?: number; StartPeriod?: number; StartInterval?: number; Retries?: number };
}

type Instruction = (config: ConfigDocument, rest: string, line: string) => void;

// In instructions that take no JSON list, `$NAME` means the variable that the image sets.
const INSTRUCTIONS: Record<string, Instruction> = {
  CMD: (config, rest) => {
    config.Cmd = rest === '' ? [] : command(rest, config);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = rest === '' ? [] : command(rest, config);
  },
  ENV: (config, rest, line) => {
    // All values of a line see the variables as they were before it.
    const entries = pairs(expanded(needed(rest, 'ENV'), config), line);
    for (const [key, value] of entries) config.Env = withVariable(config.Env ?? [], key, value);
  },
  LABEL: (config, rest, line) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(expanded(needed(rest, 'LABEL'), config), line)) };
  },
  EXPOSE: (config, rest) => {
    for (const port of words(expanded(needed(rest, 'EXPOSE'), config)).flatMap(ports))
      config.ExposedPorts = { ...config.ExposedPorts, [port]: {} };
  },
  VOLUME: (config, rest) => {
    for (const path of list(rest) ?? words(expanded(needed(rest, 'VOLUME'), config))) {
      if (path.trim() === '') throw invalid('VOLUME specified can not be an empty string');
      config.Volumes = { ...config.Volumes, [path]: {} };
    }
  },
  USER: (config, rest) => {
    config.User = expanded(needed(rest, 'USER', 'exactly one argument'), config);
  },
  WORKDIR: (config, rest) => {
    const path = expanded(needed(rest, 'WORKDIR', 'exactly one argument'), config);
    config.WorkingDir = posix.join('/', path.startsWith('/') ? '' : (config.WorkingDir ?? ''), path).replace(/(.)\/$/, '$1');
  },
  STOPSIGNAL: (config, rest) => {
    const signal = expanded(needed(rest, 'STOPSIGNAL', 'exactly one argument'), config);
    const name = signal.toUpperCase().replace(/^SIG/, '');
    const known = /^\d+$/.test(signal) ? Number(signal) > 0 && Number(signal) <= 64 : isSignalName(name);
    if (!known) throw invalid(`invalid signal: ${signal}`);
    config.StopSignal = signal;
  },
  ONBUILD: (config, rest) => {
    const [trigger = ''] = needed(rest, 'ONBUILD').split(/\s/, 1);
    if (/^onbuild$/i.test(trigger)) throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (/^(from|maintainer)$/i.test(trigger)) throw invalid(`${trigger.toUpperCase()} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  HEALTHCHECK: (config, rest, line) => {
    config.Healthcheck = healthCheck(needed(rest, 'HEALTHCHECK'), line);
  },
};

/** Applies Dockerfile instructions that only change the configuration, as `import --change` and `commit --change` take them. */
export function applyChanges(config: ConfigDocument, changes: readonly string[]): ConfigDocument {
  const changed = structuredClone(config);
  let commandSet = false;
  for (const line of changes.flatMap((text) => text.split('\n')).map((text) => text.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const instruction = name.toUpperCase();
    const apply = INSTRUCTIONS[instruction];
    if (!apply) throw invalid(`${name} is not a valid change command`, `Known are ${Object.keys(INSTRUCTIONS).join(', ')}.`);
    apply(changed, rest, line);
    if (instruction === 'CMD') commandSet = true;
    // The command of before was for another entrypoint.
    if (instruction === 'ENTRYPOINT' && !commandSet) changed.Cmd = null;
  }
  return changed;
}

function needed(rest: string, name: string, what = 'at least one argument'): string {
  if (rest === '') throw invalid(`${name} requires ${what}`);
  return rest;
}

/** A variable keeps its place when it changes. */
function withVariable(env: readonly string[], key: string, value: string): string[] {
  const entry = `${key}=${value}`;
  const at = env.findIndex((other) => other === key || other.startsWith(`${key}=`));
  return at < 0 ? [...env, entry] : env.with(at, entry);
}

/** `port[-port][/protocol]`, each port by itself. */
function ports(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' || to > 65535 || from > to) throw invalid(`Invalid containerPort: ${text}`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol.toLowerCase()}`);
}

/** Puts in the variables of the configuration; not within single quotes, nor behind a backslash. */
function expanded(text: string, config: ConfigDocument): string {
  const variable = (name: string) => (config.Env ?? []).find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  return text.replace(
    /'[^']*'|\\.|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/gs,
    (all, plain?: string, braced?: string, operator?: string, word = '') => {
      const name = plain ?? braced;
      if (name === undefined) return all;
      const value = variable(name) ?? '';
      if (operator === '-') return value === '' ? word : value;
      if (operator === '+') return value === '' ? '' : word;
      return value;
    },
  );
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

const command = (text: string, { Shell: shell }: ConfigDocument): string[] =>
  list(text) ?? [...(shell?.length ? shell : ['/bin/sh', '-c']), text];

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
    if (!key || value === undefined) throw invalid(`${line.split(/\s/, 1)[0]?.toUpperCase()} must have two arguments`);
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
  if (total > 0 && total < 1e6) throw invalid(`the duration "${text}" in "${line}" cannot be less than 1ms`);
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
  if (!line2) {
    const [type = ''] = text.split(/\s/, 1);
    throw invalid(
      /^cmd$/i.test(type) ? 'Missing command after HEALTHCHECK CMD' : `Unknown type "${type.toUpperCase()}" in HEALTHCHECK (try CMD)`,
    );
  }
  const exec = list(line2);
  check.Test = exec ? ['CMD', ...exec] : ['CMD-SHELL', line2];
  return check;
}

/** Also the names of real-time signals. */
const isSignalName = (name: string) => `SIG${name}` in constants.signals || /^RTM(IN(\+([0-9]|1[0-5]))?|AX(-([0-9]|1[0-4]))?)$/.test(name);
