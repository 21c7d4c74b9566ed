import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import type { Writable } from 'node:stream';
import { describe, errnoOf, GantryError, type Ids, invalid, type Log, notFound } from '../../base/index.ts';
import { detach, diskUsage, isMounted, listMounts, mountOverlay, packTree, restOfFolder, type Trash } from '../../host/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import type { ContainerLayers } from '../images.ts';
import type { TreeLayerStore } from '../layers/tree-layer-store.ts';
import { Output } from '../transfer/output.ts';
import { changesOf } from './changes.ts';
import { isMountPointLayer, MountPoints } from './mount-points.ts';

const CONTAINER_ID = /^[0-9a-f]{64}$/;
// Whatever the kernel's defaults: without redirects and metadata-only copies the upper tree alone tells what changed.
const OVERLAY_OPTIONS = ['index=off', 'redirect_dir=off', 'metacopy=off'];

/** What a container's layer stands on; kept with it, as its image may lose its last name. */
interface Base {
  /** None below a root that a build works in. */
  imageId?: string;
  /** Diff ids, base first. */
  layers: string[];
  /** The layer of mount points, if the image needs one. */
  mountPoints?: string;
  /** It only shows its layers. */
  readOnly?: true;
}

export interface ContainerLayerOptions {
  dataRoot: string;
  ids: Ids;
  log: Log;
  trash: Trash;
  layers: TreeLayerStore;
  catalog: ImageCatalog;
}

/** `<dataRoot>/layers/<container id>/` with `upper`, `work`, `merged` and `base.json`. */
export class OverlayContainerLayers implements ContainerLayers {
  readonly #folder: string;
  readonly #options: ContainerLayerOptions;
  readonly #mountPoints: MountPoints;
  readonly #bases = new Map<string, Base>();
  /** Bytes on disk of those that nobody has mounted since they were measured. */
  readonly #storage = new Map<string, number>();
  #mounts = 0;

  constructor(options: ContainerLayerOptions) {
    this.#options = options;
    this.#folder = join(options.dataRoot, 'layers');
    this.#mountPoints = new MountPoints({ layersFolder: this.#folder, unfinished: options.trash.folder, ids: options.ids });
    for (const name of readdirSync(this.#folder)) if (CONTAINER_ID.test(name)) this.#read(name);
  }

  /** Diff ids that containers stand on. */
  *referenced(): Generator<string> {
    for (const base of this.#bases.values()) yield* base.layers;
  }

  async create(containerId: string, imageId: string): Promise<void> {
    if (this.#bases.has(checkedId(containerId))) return;
    const image = this.#options.catalog.get(imageId);
    if (image.layers.length === 0) throw invalid(`image ${image.id} has no layers, and so no root directory`);
    this.#make(containerId, { imageId: image.id, layers: image.layers });
  }

  /** See `ImageAssembly.createRoot`. */
  createRoot(id: string, layers: readonly string[]): void {
    if (!this.#bases.has(checkedId(id))) this.#make(id, { layers: [...layers] });
  }

  /** See `ImageAssembly.mountLayers`. */
  async mountLayers(id: string, layers: readonly string[]): Promise<string> {
    if (!this.#bases.has(checkedId(id))) this.#make(id, { layers: [...layers], readOnly: true });
    return this.mount(id);
  }

  async mount(containerId: string): Promise<string> {
    const base = this.#base(containerId);
    this.#storage.delete(containerId);
    this.#mounts += 1;
    const place = join(this.#folder, containerId);
    const target = join(place, 'merged');
    if (isMounted(target)) return target;
    const lower = this.#lower(base);
    // The kernel wants one layer below a writable one, and two where none is.
    if (base.readOnly) lower.push(...this.#empty());
    else if (lower.length === 0) throw new GantryError('internal', `the root ${containerId.slice(0, 12)} stands on nothing`);
    const writable = base.readOnly ? {} : { upper: join(place, 'upper'), work: join(place, 'work') };
    mountOverlay({ lower, ...writable, target, options: OVERLAY_OPTIONS });
    return target;
  }

  async unmount(containerId: string): Promise<void> {
    this.#options.trash.letGo(await detach(this.path(containerId)));
  }

  async remove(containerId: string): Promise<void> {
    const place = join(this.#folder, containerId);
    if (!CONTAINER_ID.test(containerId) || !existsSync(place)) return;
    const base = this.#bases.get(containerId);
    this.#options.trash.take(place, 'merged');
    this.#bases.delete(containerId);
    this.#storage.delete(containerId);
    if (base) this.#options.layers.sweep(base.layers);
  }

  async list(): Promise<{ containerId: string; mounted: boolean }[]> {
    const mounted = new Set(listMounts(this.#folder).map((mount) => mount.target));
    return readdirSync(this.#folder)
      .filter((name) => CONTAINER_ID.test(name))
      .map((containerId) => ({ containerId, mounted: mounted.has(this.path(containerId)) }));
  }

  async changes(containerId: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]> {
    return changesOf(join(this.#folder, containerId, 'upper'), this.#lower(this.#base(containerId)));
  }

  async export(containerId: string, output: Writable, signal: AbortSignal): Promise<void> {
    const base = this.#base(containerId);
    await using undo = new AsyncDisposableStack();
    let root = this.path(containerId);
    if (!isMounted(root)) {
      // Read only, and elsewhere: a start meanwhile is not disturbed.
      root = join(this.#options.trash.folder, `export-${this.#options.ids.next().slice(0, 20)}`);
      mkdirSync(root, { mode: 0o700 });
      undo.defer(() => this.#options.trash.take(root));
      mountOverlay({ lower: [join(this.#folder, containerId, 'upper'), ...this.#lower(base)], target: root, options: OVERLAY_OPTIONS });
      undo.defer(async () => this.#options.trash.letGo(await detach(root)));
    }
    const writer = new Output(output, signal);
    for await (const chunk of packTree({ root, path: '/', name: '' })) await writer.write(chunk as Buffer);
  }

  async size(containerId: string): Promise<number> {
    this.#base(containerId);
    return (await diskUsage(join(this.#folder, containerId, 'upper'))).length;
  }

  async storage(containerId: string): Promise<number> {
    const known = this.#storage.get(containerId);
    if (known !== undefined) return known;
    const before = this.#mounts;
    const { bytes } = await diskUsage(join(this.#folder, containerId));
    // Only what is mounted changes.
    if (this.#mounts === before && this.#bases.has(containerId) && !isMounted(this.path(containerId)))
      this.#storage.set(containerId, bytes);
    return bytes;
  }

  /** Bytes on disk of the folder of layers itself and of what is in it but belongs to no layer that is known: places for mounts, what cannot be read. */
  async rest(layers: ReadonlySet<string>): Promise<number> {
    return await restOfFolder(this.#folder, (name) => this.#bases.has(name) || layers.has(name));
  }

  /** What the container itself wrote; see `ImageAssembly.capture`. */
  upper(containerId: string): string {
    if (this.#base(containerId).readOnly)
      throw invalid(`the layers mounted as ${containerId.slice(0, 12)} are read-only: nothing can be captured`);
    return join(this.#folder, containerId, 'upper');
  }

  path(containerId: string): string {
    return join(this.#folder, containerId, 'merged');
  }

  /** Directories without a base (half-made when the daemon was killed, or damaged beyond use), and layers of mount points that no container uses. */
  async clearHalfMade(): Promise<void> {
    for (const { containerId } of await this.list()) if (!this.#bases.has(containerId)) await this.remove(containerId);
    const used = new Set([...this.#bases.values()].map((base) => base.mountPoints));
    for (const name of readdirSync(this.#folder))
      if (isMountPointLayer(name) && !used.has(name)) this.#options.trash.take(join(this.#folder, name));
  }

  #base(containerId: string): Base {
    const base = this.#bases.get(containerId);
    if (!base) throw notFound(`container ${containerId.slice(0, 12)} has no layer`);
    return base;
  }

  /** Topmost first. */
  #lower(base: Base): string[] {
    const trees = this.#trees(base.layers);
    return base.mountPoints === undefined ? trees : [this.#mountPoints.path(base.mountPoints), ...trees];
  }

  #trees(layers: readonly string[]): string[] {
    // overlayfs refuses the same layer twice. Where one comes again (an empty one, a COPY of the same file), the upper one hides all of the lower.
    return [...new Set([...layers].reverse())].map((diffId) => this.#options.layers.tree(diffId));
  }

  /** Directories that stay: what was mounted of layers may be in use long after its place is gone. */
  #empty(): string[] {
    const places = ['1', '2'].map((name) => join(this.#options.dataRoot, 'empty', name));
    for (const place of places) mkdirSync(place, { recursive: true, mode: 0o755 });
    return places;
  }

  #make(containerId: string, { readOnly, ...wanted }: Base): void {
    const trees = this.#trees(wanted.layers);
    const mountPoints = readOnly ? undefined : this.#mountPoints.layerFor(wanted.imageId ?? wanted.layers.join(), trees);
    const base: Base = { ...wanted, ...(mountPoints === undefined ? {} : { mountPoints }), ...(readOnly ? { readOnly } : {}) };
    const place = join(this.#folder, containerId);
    mkdirSync(place, { recursive: true, mode: 0o711 });
    for (const name of readOnly ? ['merged'] : ['upper', 'work', 'merged']) mkdirSync(join(place, name), { recursive: true, mode: 0o755 });
    // The root directory of the container, whatever the umask; overlayfs shows the attributes of the upper one.
    if (!readOnly && trees[0] === undefined) chmodSync(join(place, 'upper'), 0o755);
    else if (!readOnly && trees[0] !== undefined) copyAttributes(trees[0], join(place, 'upper'));
    // Last, and whole or not at all by its JSON: what has none is half-made.
    writeFileSync(join(place, 'base.json'), JSON.stringify(base), { mode: 0o600 });
    this.#bases.set(containerId, base);
  }

  #read(containerId: string): void {
    try {
      this.#bases.set(containerId, JSON.parse(readFileSync(join(this.#folder, containerId, 'base.json'), 'utf8')) as Base);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT')
        this.#options.log.error("a container's layer cannot be read", { container: containerId, error: describe(error) });
    }
  }
}

function checkedId(id: string): string {
  if (!CONTAINER_ID.test(id)) throw invalid(`'${id.slice(0, 100)}' is not a container id`);
  return id;
}

function copyAttributes(from: string, to: string): void {
  const { mode, uid, gid } = statSync(from);
  chmodSync(to, mode & 0o7777);
  chownSync(to, uid, gid);
}
