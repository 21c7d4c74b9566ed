import { posix } from 'node:path';
import { invalid } from '../../base/index.ts';
import type { MountFlag } from '../dockerfile/dockerfile.ts';
import { didYouMean } from '../dockerfile/suggest.ts';
import { absolute } from './paths.ts';
import type { FileSource, RunMount } from './plan.ts';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARING = ['shared', 'private', 'locked'] as const;
const ALIASES: Record<string, string> = { src: 'source', dst: 'target', destination: 'target', ro: 'readonly', rw: 'readwrite' };
const KEYS = 'type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env'.split(' ');
/** These may stand without a value. */
const SWITCHES = new Set(['readonly', 'readwrite', 'required']);

export interface MountSurroundings {
  expand: (text: string) => string;
  /** Where files of a stage or image of that name come from; of the context without one. */
  sourceOf: (from: string | undefined) => FileSource;
  workingDirectory: string;
}

interface MountOptions {
  type: (typeof TYPES)[number];
  source: string;
  target: string;
  id: string;
  readOnly: boolean | undefined;
  sharing: (typeof SHARING)[number] | undefined;
  required: boolean;
  size: number | undefined;
  variable: string | undefined;
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
}

/** One `--mount` of RUN, its variables put in. `number` counts SSH mounts before it. */
export function evaluateMount(flag: MountFlag, around: MountSurroundings, number: number): RunMount {
  const options = readOptions(flag, around.expand);
  checkOptions(options, flag);
  const { type, id, mode, uid = 0, gid = 0, required } = options;
  if (type === 'secret') return secretMount(options, around);
  if (type === 'ssh') {
    if (options.source !== '') throw invalid('ssh does not support source');
    const target = options.target === '' ? `/run/buildkit/ssh_agent.${number}` : absolute(around.workingDirectory, options.target);
    return { type, id: id || 'default', target, required, mode: mode ?? 0o600, uid, gid };
  }
  const target = absolute(around.workingDirectory, options.target);
  if (target === '/') throw invalid(`invalid mount target ${JSON.stringify(options.target === '' ? '/' : options.target)}`);
  const sourcePath = absolute('/', options.source);
  if (type === 'tmpfs') return { type, target, size: options.size };
  if (type === 'bind') return { type, source: around.sourceOf(flag.from), sourcePath, target, readOnly: options.readOnly ?? true };
  return {
    type,
    id: id || posix.normalize(options.target),
    target,
    sharing: options.sharing ?? 'shared',
    readOnly: options.readOnly ?? false,
    source: flag.from === undefined ? undefined : around.sourceOf(flag.from),
    sourcePath,
    mode: mode ?? 0o755,
    uid,
    gid,
  };
}

function secretMount(options: MountOptions, around: MountSurroundings): RunMount {
  const id = options.source || options.id || posix.basename(options.target);
  const path = options.target || (options.variable === undefined ? `/run/secrets/${posix.basename(id)}` : '');
  return {
    type: 'secret',
    id,
    target: path === '' ? undefined : absolute(around.workingDirectory, path),
    variable: options.variable === undefined ? undefined : options.variable || id,
    required: options.required,
    mode: options.mode ?? 0o400,
    uid: options.uid ?? 0,
    gid: options.gid ?? 0,
  };
}

function readOptions(flag: MountFlag, expand: (text: string) => string): MountOptions {
  const options: MountOptions = {
    type: 'bind',
    source: '',
    target: '',
    id: '',
    readOnly: undefined,
    sharing: undefined,
    required: false,
    size: undefined,
    variable: undefined,
    mode: undefined,
    uid: undefined,
    gid: undefined,
  };
  for (const { key, value: written, text } of flag.fields) {
    const name = ALIASES[key] ?? key;
    if (written === undefined && !SWITCHES.has(name)) throw invalid(`invalid field '${text}' must be a key=value pair`);
    if (!KEYS.includes(key)) throw invalid(`unexpected key '${key}' in '${text}'${didYouMean(key, KEYS)}`);
    setOption(options, name, key, written === undefined ? 'true' : expand(written));
  }
  return options;
}

function setOption(options: MountOptions, name: string, key: string, value: string): void {
  const only = (...types: string[]) => {
    if (!types.includes(options.type)) throw invalid(`unexpected key '${key}' for mount type '${options.type}'`);
  };
  if (name === 'type') options.type = oneOf(TYPES, value, 'mount type');
  else if (name === 'source' || name === 'target' || name === 'id') options[name] = value;
  else if (name === 'readonly') options.readOnly = truth(key, value);
  else if (name === 'readwrite') options.readOnly = !truth(key, value);
  else if (name === 'sharing') options.sharing = oneOf(SHARING, value, 'sharing value');
  else if (name === 'mode') options.mode = wholeNumber(key, value, 8);
  else if (name === 'uid' || name === 'gid') options[name] = wholeNumber(key, value, 10);
  else if (name === 'env') options.variable = value;
  else if (name === 'required') {
    only('secret', 'ssh');
    options.required = truth(key, value);
  } else if (name === 'size') {
    only('tmpfs');
    options.size = byteCount(key, value);
  }
}

function checkOptions(options: MountOptions, flag: MountFlag): void {
  const { type } = options;
  if (type === 'bind' || type === 'tmpfs')
    for (const key of ['mode', 'uid', 'gid'] as const)
      if (options[key] !== undefined) throw invalid(`${key} not allowed for ${JSON.stringify(type)} type mounts`);
  if (type === 'secret') {
    if (flag.from !== undefined) throw invalid('secret mount should not have a from');
    if (options.sharing !== undefined) throw invalid('secret mount should not define sharing');
    if (options.source === '' && options.target === '' && options.id === '')
      throw invalid('invalid secret mount. one of source, target required');
    if (options.source !== '' && options.id !== '') throw invalid("both source and id can't be set");
  }
  if (options.sharing !== undefined && type !== 'cache') throw invalid(`invalid cache sharing set for ${type} mount`);
}

function oneOf<T extends string>(known: readonly T[], value: string, what: string): T {
  const found = known.find((one) => one === value.toLowerCase());
  if (found === undefined) throw invalid(`unsupported ${what} ${JSON.stringify(value)}${didYouMean(value, known)}`);
  return found;
}

function truth(key: string, value: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw invalid(`invalid value for ${key}: ${value}`);
}

function wholeNumber(key: string, value: string, base: 8 | 10): number {
  const number = (base === 8 ? /^[0-7]{1,11}$/ : /^\d{1,10}$/).test(value) ? Number.parseInt(value, base) : Number.NaN;
  if (!(number <= 0xffffffff)) throw invalid(`invalid value ${value} for ${key}`);
  return number;
}

/** `64m`, `1.5GiB`: multiples of 1024. */
function byteCount(key: string, value: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(value) ?? [];
  if (number === undefined) throw invalid(`invalid value for ${key}: ${value}`);
  return Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}
