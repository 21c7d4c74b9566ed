import { GantryError, invalid } from '../../../base/index.ts';
import type { ClientEntry } from '../../../build/index.ts';
import type { Decoded } from '../wire/codec.ts';
import type { Stat } from '../wire/session.ts';
import { kindOfMode, permissionsOfMode } from './file-mode.ts';

const LONGEST_PATH = 4096;
const LONGEST_NAME = 255;
/** Entries take some hundred bytes of memory each while a context is received. */
const MOST_ENTRIES = 2_000_000;

/**
 * Checks a client's list of files as it comes. A list that names something outside the directory, one thing twice, or what lies
 * below something that is no directory, is refused as a whole: nobody's file system gives such a list.
 */
export class Listing {
  #count = 0;
  #last: string | undefined;
  /** The directories that the last entry lies in, outermost first. */
  readonly #open: string[] = [];

  /** Undefined for what a context leaves out: sockets. Fails with `invalid`. */
  next(stat: Decoded<typeof Stat>): ClientEntry | undefined {
    this.#count += 1;
    if (this.#count > MOST_ENTRIES) throw invalid(`the client lists more than ${MOST_ENTRIES} files`);
    const { path } = stat;
    checkPath(path);
    this.#checkPlace(path);
    const kind = kindOfMode(stat.mode);
    if (kind === 'directory') this.#open.push(path);
    if (kind === 'socket') return undefined;
    if (kind === 'block' || kind === 'character')
      throw new GantryError('unsupported', `${path}: a device cannot be part of a build context`);
    const type = kind === 'file' && stat.linkName !== '' ? 'hardlink' : kind;
    if (type === 'hardlink') checkPath(stat.linkName);
    if (type === 'symlink' && (stat.linkName === '' || stat.linkName.length > LONGEST_PATH || stat.linkName.includes('\0')))
      throw invalid(`the client tells no proper target for the link ${path}`);
    if (stat.size < 0n || stat.size > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`the client tells ${stat.size} bytes for ${path}`);
    return {
      path,
      type,
      mode: permissionsOfMode(stat.mode),
      size: type === 'file' ? Number(stat.size) : 0,
      modified: stat.modified,
      linkName: stat.linkName,
    };
  }

  #checkPlace(path: string): void {
    if (this.#last !== undefined && !before(this.#last, path)) throw invalid(`the client lists ${path} after ${this.#last}`);
    this.#last = path;
    const slash = path.lastIndexOf('/');
    const parent = slash === -1 ? undefined : path.slice(0, slash);
    while (this.#open.length > 0 && this.#open.at(-1) !== parent && !parent?.startsWith(`${this.#open.at(-1)}/`)) this.#open.pop();
    if (parent !== undefined && this.#open.at(-1) !== parent) throw invalid(`the client lists ${path}, but no directory ${parent}`);
  }
}

/** Depth first, siblings by name: '/' sorts before every other byte. */
function before(one: string, other: string): boolean {
  return Buffer.compare(Buffer.from(one.replaceAll('/', '\0')), Buffer.from(other.replaceAll('/', '\0'))) < 0;
}

function checkPath(path: string): void {
  const names = path.split('/');
  const bad = (name: string) =>
    name === '' || name === '.' || name === '..' || name.includes('\0') || Buffer.byteLength(name) > LONGEST_NAME;
  if (path.length > LONGEST_PATH || names.some(bad))
    throw invalid(`the client lists an impossible path: ${JSON.stringify(path.slice(0, 200))}`);
}
