import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs';
import { getXattr } from '../../host/index.ts';

/** A directory as the layers below show it: the trees that have it, topmost first. Overlayfs' rules for whiteouts and opaque directories apply. */
export class LowerDirectory {
  readonly #paths: readonly string[];
  #names: (Map<string, Dirent> | undefined)[] = [];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  get exists(): boolean {
    return this.#paths.length > 0;
  }

  /** The topmost directory's own attributes. */
  stat(): Stats | undefined {
    return this.#paths[0] === undefined ? undefined : lstatSync(this.#paths[0]);
  }

  /** What a name is, if it is there. */
  find(name: string): 'directory' | 'other' | undefined {
    for (let i = 0; i < this.#paths.length; i += 1) {
      const entry = this.#entries(i).get(name);
      if (!entry) continue;
      if (entry.isCharacterDevice() && isWhiteout(`${this.#paths[i]}/${name}`)) return undefined;
      return entry.isDirectory() ? 'directory' : 'other';
    }
    return undefined;
  }

  /** The directory of that name; one that does not exist when there is none. */
  enter(name: string): LowerDirectory {
    const found: string[] = [];
    for (let i = 0; i < this.#paths.length; i += 1) {
      const entry = this.#entries(i).get(name);
      if (!entry) continue;
      if (!entry.isDirectory()) break;
      const path = `${this.#paths[i]}/${name}`;
      found.push(path);
      if (isOpaque(path)) break;
    }
    return new LowerDirectory(found);
  }

  /** All names that show. */
  names(): string[] {
    const names = new Set(this.#paths.flatMap((_, i) => [...this.#entries(i).keys()]));
    return [...names].filter((name) => this.find(name) !== undefined);
  }

  #entries(i: number): Map<string, Dirent> {
    let entries = this.#names[i];
    if (!entries) {
      entries = new Map(readdirSync(this.#paths[i] as string, { withFileTypes: true }).map((entry) => [entry.name, entry]));
      this.#names[i] = entries;
    }
    return entries;
  }
}

export function isWhiteout(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isCharacterDevice() === true && stat.rdev === 0;
}

export const isOpaque = (path: string): boolean => getXattr(path, 'trusted.overlay.opaque')?.toString() === 'y';
