import { mkdirSync } from 'node:fs';
import type { Clock } from '../../base/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import type { ContentStore } from '../content/content.ts';
import type { ProgressEvent, TransferOptions } from '../images.ts';
import type { LayerStore } from '../layers/layer-store.ts';
import { formatReference, type Reference, repositoryOf } from '../reference.ts';
import { LayerPush } from './layer-push.ts';
import { type Descriptor, MEDIA, parseManifest, sha256Digest } from './manifest.ts';
import type { Repository } from './repository.ts';
import { withRetries } from './retry.ts';
import { hasBlob, uploadBytes } from './upload.ts';

const ATTEMPTS = 5;

export interface PushParts {
  layers: LayerStore;
  catalog: ImageCatalog;
  content: ContentStore;
  downloads: string;
  clock: Clock;
}

export interface Pushed {
  digest: string;
  /** Bytes of the manifest. */
  size: number;
}

/** Sends images to one repository. */
export class ImagePush {
  readonly #parts: PushParts;
  readonly #layers: LayerPush;

  constructor(parts: PushParts) {
    this.#parts = parts;
    this.#layers = new LayerPush(parts.layers, parts.downloads, parts.clock);
  }

  /** The image that `reference` (with a tag) stands for. Reports in Docker's words and order. */
  async push(target: Repository, reference: Reference & { tag: string }, options: TransferOptions): Promise<Pushed> {
    const { catalog, content, layers, clock, downloads } = this.#parts;
    const { progress, signal } = options;
    mkdirSync(downloads, { recursive: true, mode: 0o700 });
    const image = catalog.get(`${repositoryOf(reference)}:${reference.tag}`);
    await using lease = layers.lease();
    for (const diffId of image.layers) lease.add(diffId);
    this.#widenRights(target, image.layers, reference);
    const blobs = await this.#layers.pushAll(target, image.layers, { domain: reference.domain, path: reference.path, progress, signal });
    const config = Buffer.from(content.read(image.id));
    await withRetries(clock, ATTEMPTS, signal, async () => {
      if (!(await hasBlob(target, image.id, signal))) await uploadBytes(target, config, image.id, signal);
    });
    const manifest = this.#manifest(image.id, config.length, blobs);
    const digest = sha256Digest(manifest.data);
    await withRetries(clock, ATTEMPTS, signal, () => target.putManifest(reference.tag, manifest, digest, signal));
    const names = [`${repositoryOf(reference)}@${digest}`];
    await catalog.put({ config, names, lease, manifest, event: { action: 'push', reference: formatReference(reference) } });
    for (const event of lastLines(reference.tag, digest, manifest.data.length)) progress(event);
    return { digest, size: manifest.data.length };
  }

  /** The token must also open the repositories that layers could be mounted from. */
  #widenRights(target: Repository, diffIds: readonly string[], { domain, path }: Reference): void {
    const places = diffIds.flatMap((diffId) => this.#parts.layers.blobs(diffId).flatMap((blob) => blob.repositories));
    for (const place of new Set(places)) {
      if (place.startsWith(`${domain}/`) && place !== `${domain}/${path}`) target.alsoPullFrom(place.slice(domain.length + 1));
    }
  }

  /** The manifest that the image came with, when it still says the same; otherwise a new one of schema 2. */
  #manifest(imageId: string, configSize: number, blobs: readonly Descriptor[]): { mediaType: string; data: Uint8Array } {
    const original = this.#parts.catalog.manifest(imageId);
    if (original) {
      const parsed = parseManifest(imageId, original.data, original.mediaType);
      if (
        parsed.kind === 'image' &&
        parsed.layers.length === blobs.length &&
        parsed.layers.every((layer, i) => layer.digest === blobs[i]?.digest)
      )
        return original;
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.dockerManifest,
      config: { mediaType: MEDIA.dockerConfig, size: configSize, digest: imageId },
      layers: blobs.map(({ digest, size, mediaType }) => ({ mediaType: dockerType(mediaType), size, digest })),
    };
    return { mediaType: MEDIA.dockerManifest, data: Buffer.from(JSON.stringify(manifest, undefined, 3)) };
  }
}

function dockerType(mediaType: string): string {
  if (mediaType.endsWith('zstd')) return 'application/vnd.docker.image.rootfs.diff.tar.zstd';
  return mediaType.endsWith('.tar') ? 'application/vnd.docker.image.rootfs.diff.tar' : MEDIA.dockerLayer;
}

function lastLines(tag: string, digest: string, size: number): ProgressEvent[] {
  return [{ status: `${tag}: digest: ${digest} size: ${size}` }, { status: '', aux: { Tag: tag, Digest: digest, Size: size } }];
}
