import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mountOverlay, packTree, unmount } from '../../host/index.ts';
import type { ImageAssembly, Images, LayerRecord } from '../../images/index.ts';

/** Layers on plain overlays, for tests of steps: what is captured is a directory named by the digest of its tar. */
export class TestLayers {
  readonly folder: string;
  readonly pins = new Map<string, readonly string[]>();
  readonly #records = new Map<string, LayerRecord>();
  readonly #bases = new Map<string, readonly string[]>();

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, 'trees'), { recursive: true });
    mkdirSync(join(folder, 'empty'), { recursive: true });
  }

  get assembly(): ImageAssembly {
    const here = this as TestLayers;
    return {
      lease: () => ({ add: () => undefined, [Symbol.asyncDispose]: async () => undefined }),
      createRoot: async (id: string, layers: readonly string[]) => here.#create(id, layers),
      mountLayers: async (id: string, layers: readonly string[]) => {
        here.#create(id, layers);
        return here.#mount(id);
      },
      capture: (id: string) => here.capture(join(folderOf(here, id), 'upper')),
      layer: (diffId: string) => here.#records.get(diffId),
      pin: async (owner: string, layers: readonly string[]) => void here.pins.set(owner, layers),
      unpin: async (owner: string) => void here.pins.delete(owner),
      pins: () => [...here.pins].map(([owner, layers]) => ({ owner, layers })),
      inImage: () => false,
      layersOnDisk: async () => new Map([...here.#records.values()].map(({ diffId, size }) => [diffId, size])),
    } as Partial<ImageAssembly> as ImageAssembly;
  }

  get images(): Images {
    const layers = {
      mount: async (id: string) => this.#mount(id),
      unmount: (id: string) => unmount(join(folderOf(this, id), 'merged'), { lazy: true }),
      remove: async (id: string) => {
        await unmount(join(folderOf(this, id), 'merged'), { lazy: true });
        rmSync(folderOf(this, id), { recursive: true, force: true });
      },
    };
    return { layers } as unknown as Images;
  }

  /** A directory becomes a layer. */
  async capture(directory: string): Promise<LayerRecord> {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of packTree({ root: directory, path: '/', name: '' })) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
    const diffId = `sha256:${hash.digest('hex')}`;
    const tree = this.tree(diffId);
    if (!existsSync(tree)) renameSync(directory, tree);
    const record = { diffId, size, tarSize: size };
    this.#records.set(diffId, record);
    return record;
  }

  /** As `capture`, of a copy. */
  async import(directory: string): Promise<LayerRecord> {
    const copy = join(this.folder, 'import');
    cpSync(directory, copy, { recursive: true, verbatimSymlinks: true });
    return await this.capture(copy);
  }

  tree(diffId: string): string {
    return join(this.folder, 'trees', diffId.slice(7, 30));
  }

  /** Ids of roots that are there. */
  roots(): string[] {
    return readdirSync(this.folder).filter((name) => name.length === 64);
  }

  forget(diffId: string): void {
    this.#records.delete(diffId);
  }

  #create(id: string, layers: readonly string[]): void {
    for (const name of ['upper', 'work', 'merged']) mkdirSync(join(folderOf(this, id), name), { recursive: true });
    chmodSync(join(folderOf(this, id), 'upper'), 0o755);
    this.#bases.set(id, layers);
  }

  #mount(id: string): string {
    const [upper, work, target] = ['upper', 'work', 'merged'].map((name) => join(folderOf(this, id), name)) as [string, string, string];
    const lower = [...(this.#bases.get(id) ?? [])].reverse().map((layer) => this.tree(layer));
    mountOverlay({
      lower: [...lower, join(this.folder, 'empty')],
      upper,
      work,
      target,
      options: ['redirect_dir=off', 'index=off', 'metacopy=off'],
    });
    return target;
  }
}

const folderOf = (layers: TestLayers, id: string): string => join(layers.folder, id);
