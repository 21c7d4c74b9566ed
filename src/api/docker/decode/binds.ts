import { invalid } from '../../../base/index.ts';
import { type MountSpec, PROPAGATIONS, type Propagation } from '../../../model/index.ts';

/** Words that say how a host and a container agree about caching: accepted and without meaning on Linux, as in Docker. */
const CONSISTENCY: readonly string[] = ['consistent', 'cached', 'delegated', 'default'];

/** One of HostConfig.Binds: `source:destination[:options]`, or a lone destination for an anonymous volume. */
export function decodeBind(text: string): MountSpec {
  const parts = text.split(':');
  if (parts.length > 3 || parts.some((part) => part === '')) throw invalid(`invalid volume specification: '${text}'`);
  if (parts.length === 1) return volume('', destination(text, parts[0] ?? ''), parseOptions(text, '', 'volume'));
  const [source = '', target = '', optionText = ''] = parts;
  const path = destination(text, target);
  if (source.startsWith('/')) return bind(normalize(source), path, parseOptions(text, optionText, 'bind'));
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) {
    throw invalid(
      `invalid volume specification: '${text}': create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      'If you intended to pass a host directory, use absolute path.',
    );
  }
  return volume(source, path, parseOptions(text, optionText, 'volume'));
}

interface BindOptions {
  readOnly: boolean;
  propagation: Propagation | undefined;
  noCopy: boolean;
}

function parseOptions(text: string, optionText: string, type: 'bind' | 'volume'): BindOptions {
  const options: BindOptions = { readOnly: false, propagation: undefined, noCopy: false };
  let accessGiven = false;
  for (const word of optionText === '' ? [] : optionText.split(',')) {
    if (word === 'ro' || word === 'rw') {
      if (accessGiven) throw invalid(`invalid volume specification: '${text}': invalid mode: ${optionText}`);
      accessGiven = true;
      options.readOnly = word === 'ro';
    } else if (type === 'bind' && isPropagation(word)) {
      if (options.propagation) throw invalid(`invalid volume specification: '${text}': invalid mode: ${optionText}`);
      options.propagation = word;
    } else if (type === 'volume' && word === 'nocopy') {
      options.noCopy = true;
    } else if (word !== 'z' && word !== 'Z' && !CONSISTENCY.includes(word)) {
      // z and Z ask for SELinux labels: without SELinux there is nothing to label, as in Docker.
      throw invalid(`invalid volume specification: '${text}': invalid mode: ${optionText}`);
    }
  }
  return options;
}

function isPropagation(word: string): word is Propagation {
  return (PROPAGATIONS as readonly string[]).includes(word);
}

function bind(source: string, target: string, options: BindOptions): MountSpec {
  return {
    type: 'bind',
    source,
    target,
    readOnly: options.readOnly,
    recursive: true,
    propagation: options.propagation ?? 'rprivate',
    createSource: true,
  };
}

function volume(source: string, target: string, options: BindOptions): MountSpec {
  return { type: 'volume', source, target, readOnly: options.readOnly, anonymous: source === '', noCopy: options.noCopy };
}

function destination(text: string, path: string): string {
  if (!path.startsWith('/'))
    throw invalid(`invalid volume specification: '${text}': invalid mount path: '${path}' mount path must be absolute`);
  const target = normalize(path);
  if (target === '/') throw invalid(`invalid volume specification: '${text}': invalid specification: destination can't be '/'`);
  return target;
}

/** An absolute path without empty parts, `.` and `..`, as Docker cleans it. */
export function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** HostConfig.Tmpfs: destination to comma-separated mount options. */
export function decodeTmpfs(path: string, optionText: string): MountSpec {
  if (!path.startsWith('/')) throw invalid(`invalid mount path: '${path}' mount path must be absolute`);
  const target = normalize(path);
  if (target === '/') throw invalid(`invalid tmpfs specification: '${path}': destination can't be '/'`);
  const mount: MountSpec = { type: 'tmpfs', target, readOnly: false, size: 0, mode: 0o1777, options: [] };
  for (const word of optionText.split(',').filter((part) => part !== '')) {
    const [name = '', value] = splitOnce(word);
    if (name === 'ro' || name === 'rw') mount.readOnly = name === 'ro';
    // A share of memory is for the kernel to work out.
    else if (name === 'size' && value !== undefined && /^\d{1,3}%$/.test(value)) mount.options.push(word);
    else if (name === 'size' && value !== undefined) mount.size = parseSize(path, value);
    else if (name === 'mode' && value !== undefined) mount.mode = parseMode(path, value);
    else if (isTmpfsOption(name, value)) mount.options.push(word);
    else throw invalid(`invalid tmpfs option '${word}' for ${path}`);
  }
  return mount;
}

const TMPFS_FLAGS =
  /^(no)?(exec|suid|dev|atime|diratime|swap)$|^(relatime|strictatime|norelatime|nostrictatime|sync|async|dirsync|mand|nomand|defaults|r?private|r?shared|r?slave)$/;
const TMPFS_VALUES = /^(uid|gid|nr_inodes|nr_blocks|mpol|huge)$/;

export function isTmpfsOption(name: string, value: string | undefined): boolean {
  return value === undefined ? TMPFS_FLAGS.test(name) : TMPFS_VALUES.test(name) && /^[\w.,:%-]+$/.test(value);
}

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function parseSize(path: string, value: string): number {
  const match = /^(\d+)([kmg]?)$/i.exec(value);
  if (!match) throw invalid(`invalid tmpfs option 'size=${value}' for ${path}`);
  const unit = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * unit;
}

function parseMode(path: string, value: string): number {
  if (!/^[0-7]{1,5}$/.test(value)) throw invalid(`invalid tmpfs option 'mode=${value}' for ${path}`);
  return Number.parseInt(value, 8);
}
