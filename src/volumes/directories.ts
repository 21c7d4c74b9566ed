import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../base/index.ts';

const REMOVING = '.removing-';

/**
 * The directories of volumes: `<data-root>/volumes/<name>/_data`. Names of volumes never begin with a dot, so
 * `.removing-<name>` beside them is on its way out, `<name>/.filling` is a copy that is not whole yet,
 * `<name>/.filled` one that is whole, and moves into `_data`, and `<name>/.mount-table` is what mount(8) reads.
 */
export class VolumeDirectories {
  readonly root: string;

  constructor(dataRoot: string) {
    this.root = join(dataRoot, 'volumes');
    mkdirSync(this.root, { recursive: true, mode: 0o701 });
  }

  of = (name: string): string => join(this.root, name);
  data = (name: string): string => join(this.root, name, '_data');
  filling = (name: string): string => join(this.root, name, '.filling');
  filled = (name: string): string => join(this.root, name, '.filled');
  /** For the length of one mount(8). */
  mountTable = (name: string): string => join(this.root, name, '.mount-table');
  removing = (name: string): string => join(this.root, `${REMOVING}${name}`);

  /** Idempotent. */
  make(name: string): void {
    mkdirSync(this.of(name), { recursive: true, mode: 0o701 });
    mkdirSync(this.data(name), { recursive: true, mode: 0o755 });
  }

  /** From here on the volume is gone; its files are deleted later. Idempotent. */
  setAside(name: string): void {
    try {
      renameSync(this.of(name), this.removing(name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }

  list(): { volumes: string[]; removing: string[] } {
    const names = readdirSync(this.root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    return {
      volumes: names.filter((name) => !name.startsWith('.')),
      removing: names.filter((name) => name.startsWith(REMOVING)).map((name) => name.slice(REMOVING.length)),
    };
  }

  isEmpty(name: string): boolean {
    return readdirSync(this.data(name)).length === 0;
  }

  /**
   * Moves the content of `.filled` into `_data`: never over what is there, and never another directory in its
   * place, since containers that run already have this one mounted. Idempotent.
   */
  moveFilledIn(name: string): void {
    const [filled, data] = [this.filled(name), this.data(name)];
    const present = new Set(readdirSync(data));
    for (const entry of readdirSync(filled)) if (!present.has(entry)) renameSync(join(filled, entry), join(data, entry));
  }

  /** Milliseconds since the epoch. */
  madeAt(name: string): number {
    return statSync(this.of(name)).birthtimeMs;
  }
}
