import type { Readable } from 'node:stream';
import { type Clock, GantryError, invalid } from '../base/index.ts';
import type { ImageRecord } from '../model/index.ts';
import { LocalAssembly } from './assembly/local-assembly.ts';
import type { Pins } from './assembly/pins.ts';
import type { LastUses } from './catalog/last-uses.ts';
import { planRemoval } from './catalog/removal.ts';
import type { StoredCatalog } from './catalog/stored-catalog.ts';
import type { OverlayContainerLayers } from './containers/overlay-container-layers.ts';
import type { ContentStore } from './content/content.ts';
import type { Distribution } from './distribution/index.ts';
import type {
  AdmitPulled,
  Attached,
  ContainerLayers,
  Credentials,
  ImageAssembly,
  ImageStorage,
  Images,
  ImageUse,
  ImportOptions,
  LoadOptions,
  MakeRoom,
  PullGuard,
  PullOptions,
  PushOptions,
  RemoteImage,
  RemoteLayers,
  RemovedImage,
  TrustReport,
} from './images.ts';
import { chainIds } from './layers/chain.ts';
import type { TreeLayerStore } from './layers/tree-layer-store.ts';
import { parseReference, withDefaultTag } from './reference.ts';
import { freedSince, imageStorage } from './storage.ts';

export interface LocalImagesParts {
  clock: Clock;
  content: ContentStore;
  catalog: StoredCatalog;
  layers: TreeLayerStore;
  containers: OverlayContainerLayers;
  pins: Pins;
  uses: LastUses;
  makeRoom?: MakeRoom;
  /** The way to registries. */
  distribution: () => Promise<Distribution>;
  /** Asked by `distribution` about what it has pulled. */
  guard: PullGuard;
}

/** The images of one host: one door to catalog, layers, archives and registries. */
export class LocalImages implements Images {
  readonly layers: ContainerLayers;
  readonly assembly: ImageAssembly;
  readonly #parts: LocalImagesParts;

  constructor(parts: LocalImagesParts) {
    this.#parts = parts;
    this.layers = parts.containers;
    this.assembly = new LocalAssembly(parts);
  }

  list(): ImageRecord[] {
    return this.#parts.catalog.list();
  }

  get(reference: string): ImageRecord {
    return this.#parts.catalog.get(reference);
  }

  async pull(reference: string, options: PullOptions): Promise<ImageRecord> {
    return await (await this.#parts.distribution()).pull(parseReference(reference), options);
  }

  async peek(reference: string, options: PullOptions): Promise<RemoteLayers> {
    return await (await this.#parts.distribution()).peek(parseReference(reference), options);
  }

  async push(reference: string, options: PushOptions): Promise<{ digest: string; size: number }> {
    this.#noteUse(reference);
    return await (await this.#parts.distribution()).push(parseReference(reference), options);
  }

  async search(...[term, options]: Parameters<Images['search']>): Promise<string[]> {
    return await (await this.#parts.distribution()).search(term, options);
  }

  async lookUp(reference: string, options: { credentials?: Credentials; signal: AbortSignal }): Promise<RemoteImage> {
    return await (await this.#parts.distribution()).lookUp(parseReference(reference), options);
  }

  async attach(...[reference, artifact, options]: Parameters<Images['attach']>): Promise<Attached> {
    const { id } = this.get(reference);
    return await (await this.#parts.distribution()).attach(parseReference(reference), id, artifact, options);
  }

  guardPulls(admit: AdmitPulled): void {
    this.#parts.guard.admit = admit;
  }

  async judge(reference: string, options: { credentials?: Credentials; signal: AbortSignal }): Promise<TrustReport> {
    return await (await this.#parts.distribution()).judge(parseReference(reference), options);
  }

  async checkCredentials(serverAddress: string, credentials: Credentials, signal: AbortSignal): Promise<{ identityToken?: string }> {
    return await (await this.#parts.distribution()).checkCredentials(serverAddress, credentials, signal);
  }

  async load(archive: Readable, options: LoadOptions): Promise<string[]> {
    await this.#parts.makeRoom?.('loading images', 0);
    const { loadImages } = await import('./transfer/load.ts');
    return await loadImages(this.#parts, archive, options);
  }

  async save(...[references, output, options]: Parameters<Images['save']>): Promise<void> {
    for (const reference of references) this.#noteUse(reference);
    const { saveImages } = await import('./transfer/save.ts');
    return await saveImages(this.#parts, references, output, options);
  }

  async import(archive: Readable, options: ImportOptions): Promise<ImageRecord> {
    await this.#parts.makeRoom?.('importing an image', 0);
    const { importImage } = await import('./transfer/import.ts');
    return await importImage(this.#parts, archive, options);
  }

  async tag(source: string, target: string): Promise<void> {
    const name = withDefaultTag(parseReference(target));
    if (name.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
    await this.#parts.catalog.tag(this.get(source).id, name);
  }

  async remove(
    reference: string,
    options: { force: boolean; prune: boolean; usedBy: (imageId: string) => ImageUse[] },
  ): Promise<RemovedImage[]> {
    const damaged = this.#parts.catalog.find(reference) ? undefined : this.#parts.catalog.findDamaged(reference);
    if (damaged) return this.#removeDamaged(damaged, options.force);
    const image = this.get(reference);
    const { force, prune, usedBy } = options;
    const plan = planRemoval(image, reference, { force, uses: usedBy(image.id), hasChildren: this.#hasChildren(image.id) });
    const removed = await this.#removePlanned(image, plan);
    return plan.remove && prune ? [...removed, ...(await this.#removeParents(image, usedBy))] : removed;
  }

  async prune(options: {
    filter: (image: ImageRecord) => boolean;
    usedBy: (imageId: string) => ImageUse[];
  }): Promise<{ removed: RemovedImage[]; spaceReclaimed: number }> {
    const before = await this.storage();
    const removed: RemovedImage[] = [];
    for (const image of this.list()) {
      // One that went as the parent of another is gone already.
      if (!this.#parts.catalog.find(image.id) || !options.filter(image) || options.usedBy(image.id).length > 0) continue;
      const remove = !this.#hasChildren(image.id);
      if (!remove && image.tags.length + image.digests.length === 0) continue;
      removed.push(...(await this.#removePlanned(image, { untag: [...image.tags, ...image.digests], remove })));
      if (remove) removed.push(...(await this.#removeParents(image, options.usedBy)));
    }
    return { removed, spaceReclaimed: freedSince(before, this.#parts) };
  }

  sharedSizes(): (imageId: string) => number {
    const users = new Map<string, number>();
    for (const image of this.list()) for (const diffId of new Set(image.layers)) users.set(diffId, (users.get(diffId) ?? 0) + 1);
    return (imageId) => {
      const shared = new Set(this.get(imageId).layers.filter((diffId) => (users.get(diffId) ?? 0) > 1));
      return [...shared].reduce((sum, diffId) => sum + this.layerSize(diffId), 0);
    };
  }

  storage(): Promise<ImageStorage> {
    return imageStorage(this.#parts);
  }

  async dropPartials(age: number): Promise<void> {
    (await this.#parts.distribution()).dropPartials(age);
  }

  touch(imageId: string): void {
    if (this.#parts.catalog.has(imageId)) this.#parts.uses.touch(imageId);
  }

  lastUsed(imageId: string): string {
    const { created, taggedAt } = this.get(imageId);
    return this.#parts.uses.of(imageId) ?? (taggedAt || created);
  }

  onGrowth(listener: () => void): void {
    this.#parts.layers.onGrowth(listener);
  }

  layerSize(diffId: string): number {
    return this.#parts.layers.get(diffId)?.size ?? 0;
  }

  onEvent(listener: (action: string, imageId: string, attributes: Record<string, string>) => void): void {
    this.#parts.catalog.onEvent(listener);
  }

  #noteUse(reference: string): void {
    const image = this.#parts.catalog.find(reference);
    if (image) this.touch(image.id);
  }

  #hasChildren(id: string): boolean {
    return this.list().some((image) => image.parent === id);
  }

  /** What was kept only because images were made from it goes with the last of them. */
  async #removeParents(image: ImageRecord, usedBy: (imageId: string) => ImageUse[]): Promise<RemovedImage[]> {
    const removed: RemovedImage[] = [];
    for (let id = image.parent; id !== undefined; ) {
      const parent = this.#parts.catalog.find(id);
      if (!parent || parent.tags.length + parent.digests.length > 0 || this.#hasChildren(parent.id) || usedBy(parent.id).length > 0) break;
      removed.push(...(await this.#removePlanned(parent, { untag: [], remove: true })));
      id = parent.parent;
    }
    return removed;
  }

  async #removePlanned(image: ImageRecord, plan: { untag: string[]; remove: boolean }): Promise<RemovedImage[]> {
    const { catalog, layers } = this.#parts;
    const removed: RemovedImage[] = plan.untag.map((untagged) => ({ untagged }));
    if (plan.untag.length > 0) await catalog.untag(image.id, plan.untag);
    if (!plan.remove) return removed;
    await catalog.delete(image.id);
    const gone = new Set(layers.sweep(image.layers).map((layer) => layer.diffId));
    removed.push({ deleted: image.id });
    // Docker names what went by chain ids, topmost first.
    const chain = chainIds(image.layers);
    for (let i = chain.length - 1; i >= 0; i -= 1) if (gone.has(image.layers[i] as string)) removed.push({ deleted: chain[i] as string });
    return removed;
  }

  async #removeDamaged({ id, names }: { id: string; names: string[] }, force: boolean): Promise<RemovedImage[]> {
    if (!force)
      throw new GantryError(
        'conflict',
        `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - the image is damaged, and what uses it is not known`,
      );
    const { catalog, layers } = this.#parts;
    await catalog.delete(id);
    layers.sweep();
    return [...names.map((untagged) => ({ untagged })), { deleted: id }];
  }
}
