import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, conflict, type Ids, type Log, notFound } from '../../base/index.ts';
import { diskUsage, removeTree, type TreeEntry, writeFileAtomic } from '../../host/index.ts';
import type { CacheEntry } from '../builder.ts';
import { TreeIndex } from '../files/tree-index.ts';

const FORMAT = 1;
const MAX_PACKS = 24;

interface Header {
  format: number;
  sharedKey: string;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
  packs: string[];
}

interface Kept {
  header: Header;
  /** Bytes of the packs. */
  size: number;
}

/**
 * Contexts of clients, kept for the next build under their shared key: `contexts/<id>/index` names every file and where in which pack its content is.
 * Packs never change once they are written, and the index is replaced as a whole after them: a build that is killed leaves the last whole state. Builds
 * at once with one key share packs; the one that ends last tells what is kept.
 */
export class KeptContexts {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #kept = new Map<string, Kept>();
  /** Builds that use a pack. */
  readonly #users = new Map<string, number>();
  readonly #busy = new Map<string, number>();

  constructor(folder: string, options: { clock: Clock; ids: Ids; log: Log }) {
    this.#folder = folder;
    this.#clock = options.clock;
    this.#ids = options.ids;
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    for (const id of readdirSync(folder)) this.#load(id, options.log);
  }

  /** A build begins to use what is kept. */
  open(sharedKey: string): OpenKept {
    const id = createHash('sha256').update(sharedKey).digest('hex').slice(0, 32);
    const folder = join(this.#folder, id);
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    this.#busy.set(id, (this.#busy.get(id) ?? 0) + 1);
    const held = new Set<string>();
    const hold = (pack: string) => {
      if (held.has(pack)) return;
      held.add(pack);
      this.#users.set(pack, (this.#users.get(pack) ?? 0) + 1);
    };
    return {
      index: this.#read(id, hold),
      newPack: () => {
        const pack = join(folder, `pack-${this.#ids.next().slice(0, 24)}`);
        hold(pack);
        return pack;
      },
      keep: (index, changed) => this.#keep(id, sharedKey, index, changed),
      close: () => this.#release(id, held),
    };
  }

  usage(): Promise<CacheEntry[]> {
    return Promise.all([...this.#kept.keys()].map((id) => this.#entry(id)));
  }

  async #entry(id: string): Promise<CacheEntry> {
    const { bytes } = await diskUsage(join(this.#folder, id));
    const { header } = this.#kept.get(id) as Kept;
    return {
      id,
      kind: 'context',
      description: `local source for ${header.sharedKey}`,
      size: bytes,
      inUse: (this.#busy.get(id) ?? 0) > 0,
      shared: false,
      createdAt: header.createdAt,
      lastUsedAt: header.lastUsedAt,
      usageCount: header.usageCount,
      parents: [],
    };
  }

  async remove(id: string): Promise<void> {
    if (!this.#kept.has(id)) throw notFound(`No such kept build context: ${id}`);
    if ((this.#busy.get(id) ?? 0) > 0) throw conflict(`The kept build context ${id} is in use by a build`);
    this.#kept.delete(id);
    // The index goes first: without it nothing there is taken for whole.
    await rm(join(this.#folder, id, 'index'), { force: true });
    if ((this.#busy.get(id) ?? 0) === 0) await removeTree(this.#folder, join(this.#folder, id));
  }

  /** What a killed daemon left beside the index goes. */
  #load(id: string, log: Log): void {
    const folder = join(this.#folder, id);
    const header = readHeader(folder);
    if (!header) {
      log.info('removes a build context that is not whole', { context: id });
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
      rmdirSync(folder);
      return;
    }
    for (const name of readdirSync(folder))
      if (name !== 'index' && !header.packs.includes(name)) rmSync(join(folder, name), { force: true });
    this.#kept.set(id, { header, size: sizeOf(folder, header.packs) });
  }

  #read(id: string, hold: (pack: string) => void): TreeIndex | undefined {
    const kept = this.#kept.get(id);
    if (!kept) return undefined;
    const folder = join(this.#folder, id);
    const [, ...lines] = readFileSync(join(folder, 'index'), 'utf8').split('\n');
    const index = new TreeIndex(0n);
    for (const line of lines) if (line !== '') index.add(decoded(line, folder));
    for (const name of kept.header.packs) hold(join(folder, name));
    return index;
  }

  async #keep(id: string, sharedKey: string, index: TreeIndex, changed: boolean): Promise<void> {
    const folder = join(this.#folder, id);
    const before = this.#kept.get(id);
    const now = this.#clock.timestamp();
    const entries = (await index.list('')).slice(1);
    const packs = [...new Set(entries.flatMap(({ pack }) => (pack === undefined ? [] : [pack.slice(folder.length + 1)])))];
    const header: Header = {
      format: FORMAT,
      sharedKey,
      createdAt: before?.header.createdAt ?? now,
      lastUsedAt: now,
      usageCount: (before?.header.usageCount ?? 0) + 1,
      packs,
    };
    // Many packs, or much in them that nobody needs any more: the next build begins anew.
    const live = entries.reduce((sum, entry) => sum + entry.size, 0);
    const size = sizeOf(folder, packs);
    const worn = packs.length > MAX_PACKS || size > 2 * live + (8 << 20);
    if (!changed && !worn && before) {
      before.header.lastUsedAt = now;
      before.header.usageCount += 1;
      return;
    }
    const kept = worn ? { header: { ...header, packs: [] }, size: 0 } : { header, size };
    const lines = worn ? [] : entries.map((entry) => encoded(entry, folder));
    await writeFileAtomic(join(folder, 'index'), [JSON.stringify(kept.header), ...lines, ''].join('\n'), { mode: 0o600 });
    this.#kept.set(id, kept);
  }

  async #release(id: string, held: ReadonlySet<string>): Promise<void> {
    const left = (this.#busy.get(id) ?? 1) - 1;
    if (left > 0) this.#busy.set(id, left);
    else this.#busy.delete(id);
    const folder = join(this.#folder, id);
    const kept = new Set(this.#kept.get(id)?.header.packs.map((name) => join(folder, name)));
    for (const pack of held) {
      const users = (this.#users.get(pack) ?? 1) - 1;
      if (users > 0) {
        this.#users.set(pack, users);
        continue;
      }
      this.#users.delete(pack);
      if (!kept.has(pack)) await rm(pack, { force: true });
    }
    if (left <= 0 && !this.#kept.has(id)) await removeTree(this.#folder, folder);
  }
}

export interface OpenKept {
  index: TreeIndex | undefined;
  newPack(): string;
  /** What the next build finds; `changed` when it is not what this one found. */
  keep(index: TreeIndex, changed: boolean): Promise<void>;
  close(): Promise<void>;
}

function readHeader(folder: string): Header | undefined {
  try {
    const text = readFileSync(join(folder, 'index'), 'utf8');
    const header = JSON.parse(text.slice(0, text.indexOf('\n'))) as Header;
    if (header.format !== FORMAT || !text.endsWith('\n')) return undefined;
    for (const name of header.packs) statSync(join(folder, name));
    return header;
  } catch {
    // No index, a damaged one, or a pack that is gone: what is left is of no use.
    return undefined;
  }
}

function sizeOf(folder: string, packs: readonly string[]): number {
  return packs.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function encoded(entry: TreeEntry, folder: string): string {
  const { pack, modified, ...rest } = entry;
  return JSON.stringify({ ...rest, modified: `${modified}`, ...(pack === undefined ? {} : { pack: pack.slice(folder.length + 1) }) });
}

function decoded(line: string, folder: string): TreeEntry {
  const { pack, modified, ...rest } = JSON.parse(line) as Omit<TreeEntry, 'modified'> & { modified: string };
  return { ...rest, modified: BigInt(modified), ...(pack === undefined ? {} : { pack: join(folder, pack) }) };
}
