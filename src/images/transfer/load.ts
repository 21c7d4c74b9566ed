import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { invalid, notFound, tarEntries } from '../../base/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import { decodeImageConfig } from '../catalog/image-config.ts';
import { decompressed, peek } from '../content/decompress.ts';
import { formatPlatform, matchPlatform, type Platform } from '../distribution/platform.ts';
import type { LoadOptions, ProgressEvent } from '../images.ts';
import type { LayerLease, LayerRecord, LayerStore } from '../layers/layer-store.ts';
import { type Described, isObject, parseObject, type Unpacked } from './described.ts';
import { readIndex, readManifestList } from './layout.ts';
import { readRepositories } from './legacy.ts';

/** Documents (configurations, manifests, indexes) larger than this are refused. */
const DOCUMENT_LIMIT = 16 << 20;
/** Members of an archive and bytes of documents altogether: an honest archive has far fewer. */
const MEMBER_LIMIT = 100_000;
const DOCUMENTS_LIMIT = 256 << 20;

export interface LoadRooms {
  layers: LayerStore;
  catalog: ImageCatalog;
}

/**
 * Loads every image of an archive in one pass: layers are unpacked as they stream by, and made visible only when a configuration
 * in the archive names their diff ids. What no image of the archive uses goes again with the lease.
 */
export async function loadImages(rooms: LoadRooms, archive: Readable, options: LoadOptions): Promise<string[]> {
  await using lease = rooms.layers.lease();
  const unpacked = await unpackMembers(rooms.layers, lease, decompressed(archive), options);
  const described = wantedOf(describedIn(unpacked), options.platforms ?? []);
  const loaded: string[] = [];
  for (const image of described) {
    checkLayers(image, unpacked);
    const holders = image.names.map((name) => ({ name, before: rooms.catalog.find(name) }));
    const record = await rooms.catalog.put({
      config: image.config,
      names: image.names,
      lease,
      event: { action: 'load' },
    });
    for (const { name, before } of holders) if (before && before.id !== record.id) options.moved?.(name, before.id);
    loaded.push(...(image.names.length > 0 ? image.names : [record.id]));
  }
  return loaded;
}

/** The images for these platforms; all when none is asked for. */
function wantedOf(images: readonly Described[], platforms: readonly Platform[]): readonly Described[] {
  if (platforms.length === 0) return images;
  const found = images.filter(({ config }) => {
    const { os, architecture, variant } = decodeImageConfig(config);
    const offered = { os: os || 'linux', architecture, ...(variant ? { variant } : {}) };
    return platforms.some((platform) => matchPlatform(platform, offered) > 0);
  });
  if (found.length === 0) throw notFound(`the archive has no image for ${platforms.map(formatPlatform).join(' or ')}`);
  return found;
}

function describedIn(unpacked: Unpacked): Described[] {
  if (unpacked.documents.has('manifest.json')) return readManifestList(unpacked);
  return unpacked.documents.has('repositories') && !unpacked.documents.has('index.json') ? readRepositories(unpacked) : readIndex(unpacked);
}

/** The configuration and the members must tell the same layers: a mismatch is a forged or broken archive. */
function checkLayers(image: Described, unpacked: Unpacked): void {
  const wanted = diffIdsOf(image.config);
  if (wanted.length !== image.layers.length)
    throw invalid(`invalid manifest: the configuration names ${wanted.length} layers, the manifest ${image.layers.length}`);
  image.layers.forEach((member, index) => {
    const layer = unpacked.layers.get(member);
    if (!layer) throw invalid(`the archive has no layer ${member}`);
    if (layer.diffId !== wanted[index])
      throw invalid(`layer ${member} has diff id ${layer.diffId}, the configuration wants ${wanted[index]}`);
  });
}

function diffIdsOf(config: Buffer): string[] {
  const { rootfs } = parseObject(config, 'the image configuration');
  const ids = isObject(rootfs) ? rootfs['diff_ids'] : undefined;
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw invalid('the image configuration has no list of diff ids');
  return ids;
}

async function unpackMembers(
  store: LayerStore,
  lease: LayerLease,
  stream: AsyncIterable<Uint8Array>,
  options: { progress: (event: ProgressEvent) => void; signal: AbortSignal },
): Promise<Unpacked> {
  const documents = new Map<string, Buffer>();
  const layers = new Map<string, LayerRecord>();
  const aliases = new Map<string, string>();
  let members = 0;
  let documentBytes = 0;
  for await (const { header, content } of tarEntries(stream)) {
    options.signal.throwIfAborted();
    const name = posix.normalize(header.name).replace(/^\/+/, '');
    if (++members > MEMBER_LIMIT) throw invalid(`the archive has more than ${MEMBER_LIMIT} members`);
    if (header.type === 'symbolicLink') aliases.set(name, posix.normalize(posix.join(posix.dirname(name), header.link)));
    else if (header.type === 'hardLink') aliases.set(name, posix.normalize(header.link));
    if (header.type !== 'file') continue;
    const known = knownLayer(store, name);
    if (known) {
      lease.add(known.diffId);
      layers.set(name, known);
      continue;
    }
    const { head, all } = await peek(content);
    if (isDocument(name, head, header.size)) {
      documentBytes += header.size;
      if (header.size > DOCUMENT_LIMIT || documentBytes > DOCUMENTS_LIMIT)
        throw invalid(`${name} of ${header.size} bytes is too large for a document`);
      documents.set(name, await gather(all));
    } else {
      layers.set(
        name,
        await store.unpack(reported(checked(all, name), name, header.size, options.progress), { lease, signal: options.signal }),
      );
    }
  }
  for (const [alias, target] of aliases) {
    const layer = layers.get(target);
    const document = documents.get(target);
    if (layer) layers.set(alias, layer);
    if (document) documents.set(alias, document);
  }
  return { documents, layers };
}

/** A member that is named by a digest which is the diff id of a layer that is here need not be read. */
function knownLayer(store: LayerStore, name: string): LayerRecord | undefined {
  const match = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})\/layer\.tar)$/.exec(name);
  const hex = match?.[1] ?? match?.[2];
  return hex === undefined ? undefined : store.get(`sha256:${hex}`);
}

function isDocument(name: string, head: Uint8Array, size: number): boolean {
  if (name.endsWith('/layer.tar') || name.endsWith('.tar')) return false;
  if (/^(manifest\.json|index\.json|oci-layout|repositories|VERSION)$|\.json$|\/(json|VERSION)$/.test(name)) return true;
  return size === 0 || head[0] === 0x7b || head[0] === 0x5b;
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** A member whose name is its digest must have it. */
async function* checked(content: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const expected = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  const hash = expected === undefined ? undefined : createHash('sha256');
  for await (const piece of content) {
    hash?.update(piece);
    yield piece;
  }
  if (hash && hash.digest('hex') !== expected) throw invalid(`${name} does not have the digest that its name says`);
}

async function* reported(
  content: AsyncIterable<Uint8Array>,
  name: string,
  total: number,
  progress: (event: ProgressEvent) => void,
): AsyncGenerator<Uint8Array> {
  const id = (/[0-9a-f]{12}/.exec(name)?.[0] ?? name).slice(0, 12);
  let current = 0;
  let told = 0;
  for await (const piece of content) {
    yield piece;
    current += piece.length;
    if (current - told < 1 << 20 && current < total) continue;
    told = current;
    progress({ id, status: 'Loading layer', current, total });
  }
}
