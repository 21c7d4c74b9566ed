import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { notFound, silentLog, systemClock } from '../../../base/index.ts';
import type { ImageRecord } from '../../../model/index.ts';
import type { ImageCatalog, NewImage } from '../../catalog/catalog.ts';
import type { ContentStore } from '../../content/content.ts';
import type { ProgressEvent } from '../../images.ts';
import type { LayerBlob, LayerStore } from '../../layers/layer-store.ts';
import { formatReference, parseReference } from '../../reference.ts';
import { Distribution, type DistributionParts } from '../distribution.ts';
import { sha256Digest } from '../manifest.ts';

/** Stores in memory that keep the promises which pulling and pushing lean on; a layer's "tar" may be any bytes. */
export class TestStores {
  readonly tars = new Map<string, Buffer>();
  readonly images = new Map<string, { record: ImageRecord; config: Buffer; manifest?: NewImage['manifest'] }>();
  readonly names = new Map<string, string>();
  readonly blobs = new Map<string, LayerBlob[]>();
  unpacking = 0;

  readonly layers = {
    get: (diffId: string) => (this.tars.has(diffId) ? { diffId, size: 0, tarSize: this.tars.get(diffId)?.length ?? 0 } : undefined),
    lease: () => ({ add() {}, async [Symbol.asyncDispose]() {} }),
    unpack: async (source: AsyncIterable<Uint8Array>, options: { diffId?: string; signal: AbortSignal }) => {
      this.unpacking += 1;
      try {
        const chunks: Uint8Array[] = [];
        for await (const chunk of source) {
          options.signal.throwIfAborted();
          chunks.push(Uint8Array.from(chunk));
        }
        const tar = decompress(Buffer.concat(chunks));
        const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
        if (options.diffId !== undefined && diffId !== options.diffId)
          throw new Error(`the layer has the diff id ${diffId}, not ${options.diffId}`);
        this.tars.set(diffId, tar);
        return { diffId, size: 0, tarSize: tar.length };
      } finally {
        this.unpacking -= 1;
      }
    },
    open: (diffId: string) => Readable.from([this.tars.get(diffId) ?? Buffer.alloc(0)]),
    openGzip: (diffId: string) => Readable.from([gzipSync(this.tars.get(diffId) ?? Buffer.alloc(0), { level: 1 })]),
    noteBlob: async (diffId: string, blob: LayerBlob) => void this.blobs.set(diffId, [blob, ...(this.blobs.get(diffId) ?? [])]),
    blobs: (diffId: string) => this.blobs.get(diffId) ?? [],
    findBlob: () => undefined,
  } satisfies LayerStore;

  readonly catalog: ImageCatalog = {
    list: () => [...this.images.values()].map((image) => image.record),
    find: (reference: string): ImageRecord | undefined => this.images.get(this.names.get(canonical(reference)) ?? reference)?.record,
    get: (reference: string): ImageRecord => {
      const found: ImageRecord | undefined = this.catalog.find(reference);
      if (!found) throw notFound(`No such image: ${reference}`);
      return found;
    },
    put: async (image: NewImage) => {
      const id = sha256Digest(image.config);
      const layers = (JSON.parse(Buffer.from(image.config).toString()) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids;
      const record = { id, layers } as ImageRecord;
      this.images.set(id, { record, config: Buffer.from(image.config), ...(image.manifest ? { manifest: image.manifest } : {}) });
      for (const name of image.names) this.names.set(canonical(name), id);
      record.tags = [...this.names].filter(([name, of]) => of === id && !name.includes('@')).map(([name]) => name);
      return record;
    },
    manifest: (id: string) => this.images.get(id)?.manifest,
  };

  readonly content = { read: (digest: string) => this.images.get(digest)?.config ?? Buffer.alloc(0) } as unknown as ContentStore;
}

function canonical(reference: string): string {
  return reference.startsWith('sha256:') ? reference : formatReference(parseReference(reference));
}

function decompress(bytes: Buffer): Buffer {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes);
  return bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes;
}

/** Pauses are a hundred times shorter than asked for, so that tests of repetition take no time. */
const quickClock = { ...systemClock(), sleep: (ms: number, signal?: AbortSignal) => systemClock().sleep(ms / 100, signal) };

/** A daemon's distribution with a folder of its own. */
export class TestEngine implements Disposable {
  readonly stores = new TestStores();
  readonly downloads = mkdtempSync(join(tmpdir(), 'gantry-distribution-'));
  readonly distribution: Distribution;
  readonly events: ProgressEvent[] = [];

  constructor(options: Partial<DistributionParts> = {}) {
    const { layers, catalog, content } = this.stores;
    this.distribution = new Distribution({
      layers,
      catalog,
      content,
      downloads: this.downloads,
      clock: quickClock,
      log: silentLog,
      insecureRegistries: [],
      registryMirrors: [],
      certificateFolders: [],
      stallTimeout: 2000,
      ...options,
    });
  }

  pull(reference: string, options: Partial<Parameters<Distribution['pull']>[1]> = {}) {
    return this.distribution.pull(parseReference(reference), {
      progress: (event) => this.events.push(event),
      signal: new AbortController().signal,
      ...options,
    });
  }

  push(reference: string, options: Partial<Parameters<Distribution['push']>[1]> = {}) {
    return this.distribution.push(parseReference(reference), {
      progress: (event) => this.events.push(event),
      signal: new AbortController().signal,
      ...options,
    });
  }

  /** `id: status` of the reports so far, repetitions of one line left out. */
  lines(): string[] {
    const lines = this.events.filter((event) => event.status).map((event) => `${event.id ? `${event.id}: ` : ''}${event.status}`);
    return lines.filter((line, i) => line !== lines[i - 1]);
  }

  [Symbol.dispose](): void {
    this.distribution.close();
    rmSync(this.downloads, { recursive: true, force: true });
  }
}
