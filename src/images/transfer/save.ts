import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { encodeTarHeader, GantryError, notFound, paddingOf, sha256, tarEnd } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import type { ContentStore } from '../content/content.ts';
import type { LayerStore } from '../layers/layer-store.ts';
import { familiarName, formatReference, parseReference } from '../reference.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

interface Saved {
  image: ImageRecord;
  config: Uint8Array;
  tags: string[];
}

export interface SaveRooms {
  content: ContentStore;
  layers: LayerStore;
  catalog: ImageCatalog;
}

/** Writes an archive that is an OCI layout and a docker-archive at once; what images share is written once. */
export async function saveImages(
  rooms: SaveRooms,
  references: readonly string[],
  output: () => Writable,
  { fits = () => undefined, signal }: { fits?: (image: ImageRecord, reference: string) => void; signal: AbortSignal },
): Promise<void> {
  const chosen = choose(rooms, references, fits);
  // Who removes an image meanwhile must not break what is being written.
  await using lease = rooms.layers.lease();
  for (const { image } of chosen) for (const diffId of image.layers) lease.add(diffId);
  const archive = new ArchiveWriter(output(), signal);
  const index: object[] = [];
  const manifests: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, tags, config } of chosen) {
    for (const diffId of image.layers) await archive.layer(rooms.layers, diffId);
    await archive.blob(config);
    const layers = image.layers.map((diffId) => ({ mediaType: OCI_LAYER, digest: diffId, size: layerOf(rooms.layers, diffId).tarSize }));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: OCI_CONFIG, digest: image.id, size: config.length },
        layers,
      }),
    );
    await archive.blob(manifest);
    const descriptor = { mediaType: OCI_MANIFEST, digest: `sha256:${sha256(manifest)}`, size: manifest.length };
    if (tags.length === 0) index.push(descriptor);
    for (const tag of tags)
      index.push({
        ...descriptor,
        annotations: { 'io.containerd.image.name': fullName(tag), 'org.opencontainers.image.ref.name': parseReference(tag).tag },
      });
    manifests.push({
      Config: blobPath(image.id),
      RepoTags: tags.length > 0 ? tags : null,
      Layers: image.layers.map(blobPath),
      LayerSources: layerSources(layers),
    });
    const top = image.layers.at(-1)?.slice('sha256:'.length);
    for (const tag of tags) if (top) (repositories[familiarName(parseReference(tag))] ??= {})[parseReference(tag).tag ?? 'latest'] = top;
  }
  await archive.file('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: index })));
  await archive.file('manifest.json', Buffer.from(`${JSON.stringify(manifests)}\n`));
  await archive.file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  if (Object.keys(repositories).length > 0) await archive.file('repositories', Buffer.from(`${JSON.stringify(repositories)}\n`));
  await archive.write(tarEnd());
}

/** As Docker tells them beside its own list, by diff id. */
function layerSources(layers: readonly { mediaType: string; digest: string; size: number }[]): Record<string, object> {
  const sorted = [...layers].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return Object.fromEntries(sorted.map(({ mediaType, digest, size }) => [digest, { mediaType, size, digest }]));
}

/** A bare name stands for all its tags, an id for the image without names. */
function choose(
  { catalog, content }: SaveRooms,
  references: readonly string[],
  fits: (image: ImageRecord, reference: string) => void,
): Saved[] {
  const byId = new Map<string, Saved>();
  for (const reference of references) {
    const tags = tagsOf(catalog, reference);
    const images = tags.length > 0 ? tags.map((tag) => [catalog.get(tag), tag] as const) : [[catalog.get(reference), undefined] as const];
    for (const [image, tag] of images) {
      fits(image, reference);
      const saved = byId.get(image.id) ?? { image, config: content.read(image.id), tags: [] };
      if (tag !== undefined && !saved.tags.includes(tag)) saved.tags.push(tag);
      byId.set(image.id, saved);
    }
  }
  return [...byId.values()];
}

function tagsOf(catalog: ImageCatalog, text: string): string[] {
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(text)) return [];
  const reference = parseReference(text);
  if (reference.digest) return [];
  if (reference.tag) return catalog.find(text)?.tags.includes(formatReference(reference)) ? [formatReference(reference)] : [];
  const prefix = `${familiarName(reference)}:`;
  return catalog.list().flatMap((image) => image.tags.filter((tag) => tag.startsWith(prefix) && !tag.slice(prefix.length).includes('/')));
}

function fullName(tag: string): string {
  const { domain, path, tag: version = 'latest' } = parseReference(tag);
  return `${domain}/${path}:${version}`;
}

const blobPath = (digest: string) => `blobs/sha256/${digest.slice('sha256:'.length)}`;

function layerOf(layers: LayerStore, diffId: string) {
  const layer = layers.get(diffId);
  if (!layer) throw notFound(`layer ${diffId} is not here`);
  return layer;
}

class ArchiveWriter {
  #output: Writable;
  #signal: AbortSignal;
  #written = new Set<string>();

  constructor(output: Writable, signal: AbortSignal) {
    this.#output = output;
    this.#signal = signal;
  }

  async write(data: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    if (!this.#output.write(data)) await once(this.#output, 'drain', { signal: this.#signal });
  }

  async file(name: string, data: Uint8Array): Promise<void> {
    await this.write(
      Buffer.concat([encodeTarHeader({ type: 'file', name, mode: 0o644, size: data.length }), data, Buffer.alloc(paddingOf(data.length))]),
    );
  }

  async blob(data: Uint8Array): Promise<void> {
    const digest = `sha256:${sha256(data)}`;
    if (!this.#first(digest)) return;
    await this.file(blobPath(digest), data);
  }

  async layer(layers: LayerStore, diffId: string): Promise<void> {
    if (!this.#first(diffId)) return;
    const { tarSize } = layerOf(layers, diffId);
    await this.write(encodeTarHeader({ type: 'file', name: blobPath(diffId), mode: 0o644, size: tarSize }));
    let written = 0;
    for await (const chunk of layers.open(diffId, this.#signal)) {
      written += (chunk as Buffer).length;
      await this.write(chunk as Buffer);
    }
    if (written !== tarSize) throw new GantryError('internal', `layer ${diffId} gave ${written} bytes instead of ${tarSize}`);
    await this.write(Buffer.alloc(paddingOf(tarSize)));
  }

  #first(digest: string): boolean {
    if (this.#written.has(digest)) return false;
    this.#written.add(digest);
    return true;
  }
}
