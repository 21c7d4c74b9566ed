import { Readable } from 'node:stream';
import { sha256 } from '../../base/index.ts';
import { type ImageAssembly, type Images, type LayerLease, parseReference as parseImageName } from '../../images/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import { pageOf } from '../catalog/page.ts';
import { RegistryError } from '../errors.ts';
import { parseDigest, parseReference } from '../names.ts';
import type { Page, Referrer, Registry, StoredBlob, StoredManifest } from '../registry.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
/** Layers lie unpacked; their exact tars are made anew as they are sent, so they go uncompressed, and diff id and digest are one. */
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/**
 * The engine's own images as a registry, without copying a byte. `busybox` is `library/busybox` and `busybox`, another registry's
 * image has that registry's name in front (a port's colon as a dash): `ghcr.io/a/b`, `localhost-5000/a`.
 */
export class EngineRegistry implements Registry {
  readonly readOnly =
    "this is the image store of an engine, to be pulled from only: load or build images with the engine, or push to a 'gantry registry serve'";
  readonly #images: Pick<Images, 'list' | 'assembly'>;

  constructor(images: Pick<Images, 'list' | 'assembly'>) {
    this.#images = images;
  }

  async repositories(page: Page): Promise<string[]> {
    return pageOf([...this.#all().keys()], page);
  }

  async tags(repository: string, page: Page): Promise<string[]> {
    return pageOf([...this.#tags(repository).keys()], page);
  }

  async manifest(repository: string, text: string): Promise<StoredManifest> {
    const reference = parseReference(text);
    const tags = this.#tags(repository);
    if ('tag' in reference) {
      const image = tags.get(reference.tag);
      if (image) return this.#manifestOf(image);
    } else {
      for (const image of new Set(tags.values())) {
        const manifest = this.#manifestOf(image);
        if (manifest.digest === reference.digest) return manifest;
      }
    }
    throw new RegistryError('MANIFEST_UNKNOWN', `the engine has no image ${repository} with ${text}`, {
      name: repository,
      reference: text,
    });
  }

  async referrers(_repository: string, digest: string): Promise<Referrer[]> {
    parseDigest(digest);
    return [];
  }

  async blob(repository: string, digest: string): Promise<StoredBlob> {
    parseDigest(digest);
    const { assembly } = this.#images;
    for (const image of this.#tags(repository).values()) {
      if (image.id === digest) {
        const data = Buffer.from(assembly.config(digest));
        return { digest, size: data.length, open: (start, end) => readable([data.subarray(start, end + 1)]) };
      }
      const layer = image.layers.includes(digest) ? assembly.layer(digest) : undefined;
      if (layer) return { digest, size: layer.tarSize, open: (start, end, signal) => openPart(assembly, digest, start, end, signal) };
    }
    throw new RegistryError('BLOB_UNKNOWN', `no image ${repository} of the engine has the blob ${digest}`, { name: repository, digest });
  }

  putManifest(): Promise<never> {
    return this.#refuse();
  }

  deleteManifest(): Promise<never> {
    return this.#refuse();
  }

  deleteBlob(): Promise<never> {
    return this.#refuse();
  }

  mount(): Promise<never> {
    return this.#refuse();
  }

  startUpload(): Promise<never> {
    return this.#refuse();
  }

  upload(): Promise<never> {
    return this.#refuse();
  }

  async #refuse(): Promise<never> {
    throw new RegistryError('DENIED', this.readOnly);
  }

  /** Repositories, their tags, and what those point to. */
  #all(): Map<string, Map<string, ImageRecord>> {
    const all = new Map<string, Map<string, ImageRecord>>();
    for (const image of this.#images.list()) {
      for (const name of image.tags) {
        for (const { repository, tag } of servedNames(name)) {
          const tags = all.get(repository) ?? new Map<string, ImageRecord>();
          all.set(repository, tags.set(tag, image));
        }
      }
    }
    return all;
  }

  #tags(repository: string): Map<string, ImageRecord> {
    const tags = this.#all().get(repository);
    if (!tags) throw new RegistryError('NAME_UNKNOWN', `the engine has no image ${repository}`, { name: repository });
    return tags;
  }

  /** Always the same bytes for an image: the digest stays. */
  #manifestOf(image: ImageRecord): StoredManifest {
    const { assembly } = this.#images;
    const layers = image.layers.map((digest) => {
      const layer = assembly.layer(digest);
      if (!layer) throw new RegistryError('UNAVAILABLE', `the layer ${digest} of ${image.id} is missing in the engine`);
      return { mediaType: LAYER, digest, size: layer.tarSize };
    });
    const config = { mediaType: CONFIG, digest: image.id, size: assembly.config(image.id).length };
    const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }));
    return { digest: `sha256:${sha256(data)}`, mediaType: MANIFEST, data };
  }
}

function servedNames(name: string): { repository: string; tag: string }[] {
  const { domain, path, tag = 'latest' } = parseImageName(name);
  if (domain !== 'docker.io') return [{ repository: `${domain.toLowerCase().replace(/[^a-z0-9.-]+/g, '-')}/${path}`, tag }];
  const short = path.startsWith('library/') ? [{ repository: path.slice('library/'.length), tag }] : [];
  return [{ repository: path, tag }, ...short];
}

/** A part of a layer's tar; the layer stays while it is read. */
function openPart(assembly: ImageAssembly, digest: string, start: number, end: number, signal: AbortSignal): Readable {
  async function* part(): AsyncGenerator<Buffer> {
    await using lease: LayerLease = assembly.lease();
    lease.add(digest);
    let at = 0;
    for await (const chunk of assembly.openLayer(digest, signal) as AsyncIterable<Buffer>) {
      const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at));
      at += chunk.length;
      if (wanted.length > 0) yield wanted;
      if (at > end) return;
    }
  }
  return readable(part());
}

const readable = (source: Iterable<Buffer> | AsyncIterable<Buffer>): Readable => Readable.from(source, { objectMode: false });
