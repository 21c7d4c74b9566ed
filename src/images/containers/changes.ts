import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isOpaque, isWhiteout, LowerDirectory } from './lower.ts';

export interface Change {
  path: string;
  kind: 0 | 1 | 2;
}

const MODIFIED = 0;
const ADDED = 1;
const DELETED = 2;
// Directories after which other work of the daemon gets its turn.
const SLICE = 64;

/** What the upper tree of an overlay changes, in Docker's terms: parents of what changed are in it as modified; sorted by path. */
export async function changesOf(upper: string, lower: readonly string[]): Promise<Change[]> {
  const walk = new Walk();
  walk.directory(upper, '', new LowerDirectory(lower));
  for (let next = walk.pending.pop(), count = 1; next; next = walk.pending.pop(), count += 1) {
    walk.directory(next.upper, next.path, next.lower);
    if (count % SLICE === 0) await setImmediate();
  }
  return [...walk.found].map(([path, kind]) => ({ path, kind })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

class Walk {
  readonly found = new Map<string, Change['kind']>();
  readonly pending: { upper: string; path: string; lower: LowerDirectory }[] = [];

  directory(upper: string, path: string, lower: LowerDirectory): void {
    const entries = readdirSync(upper, { withFileTypes: true });
    for (const entry of entries) {
      const child = `${path}/${entry.name}`;
      const real = `${upper}/${entry.name}`;
      const before = lower.find(entry.name);
      if (entry.isCharacterDevice() && isWhiteout(real)) {
        if (before) this.#change(child, DELETED);
      } else if (!entry.isDirectory()) this.#change(child, before ? MODIFIED : ADDED);
      else this.#subdirectory(real, child, before === 'directory' ? lower.enter(entry.name) : new LowerDirectory([]), before !== undefined);
    }
    // Everything below an opaque directory is hidden, though no whiteout says so.
    if (lower.exists && path !== '' && isOpaque(upper)) {
      const there = new Set(entries.map((entry) => entry.name));
      for (const name of lower.names()) if (!there.has(name)) this.#change(`${path}/${name}`, DELETED);
    }
  }

  #subdirectory(upper: string, path: string, lower: LowerDirectory, existed: boolean): void {
    const before = lower.stat();
    if (!existed) this.#change(path, ADDED);
    else if (!before || !sameAttributes(before, lstatSync(upper))) this.#change(path, MODIFIED);
    this.pending.push({ upper, path, lower });
  }

  #change(path: string, kind: Change['kind']): void {
    this.found.set(path, kind);
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (this.found.has(parent)) break;
      this.found.set(parent, MODIFIED);
    }
  }
}

/** Of directories: their times say little, so Docker does not look at them. */
function sameAttributes(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
