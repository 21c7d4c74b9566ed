import { chmodSync, constants, lchownSync, linkSync, lutimesSync, mkdirSync, openSync, type Stats, symlinkSync } from 'node:fs';
import { mknod, setXattr } from '../../kernel/index.ts';
import type { LayerEntry } from './layer-header.ts';
import { writeAll } from './recipe.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const TYPE_BITS = 0o170000;
const CHARACTER = 0o020000;

/** The tree of a layer, made while its tar is told. Nobody else has it, so its paths are what they say. */
export class LayerCopy {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  directory(path: string, opaque: boolean): void {
    mkdirSync(this.#at(path), 0o700);
    if (opaque) setXattr(this.#at(path), 'trusted.overlay.opaque', Buffer.from('y'));
  }

  /** The caller closes it. */
  file(path: string): number {
    return openSync(this.#at(path), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  }

  write(file: number, bytes: Uint8Array): void {
    writeAll(file, bytes);
  }

  symbolicLink(path: string, link: string): void {
    symlinkSync(link, this.#at(path));
  }

  hardLink(path: string, first: string): void {
    linkSync(this.#at(first), this.#at(path));
  }

  node(path: string, stat: Stats, device: { major: number; minor: number }): void {
    mknod(this.#at(path), (stat.mode & TYPE_BITS) | 0o600, device);
  }

  whiteout(path: string): void {
    mknod(this.#at(path), CHARACTER, { major: 0, minor: 0 });
  }

  /** Owner first, since changing it clears setuid bits and capabilities; times last. */
  settle(path: string, entry: LayerEntry): void {
    const place = this.#at(path);
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(place, entry.uid, entry.gid);
    // A link has no mode of its own.
    if (entry.flag !== '2') chmodSync(place, entry.mode);
    if (entry.capability) setXattr(place, 'security.capability', entry.capability);
    lutimesSync(place, entry.seconds, entry.seconds);
  }

  #at(path: string): string {
    return `${this.#root}/${path}`;
  }
}
