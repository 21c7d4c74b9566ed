import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, errnoOf, Limiter } from '../../base/index.ts';
import type { ProgressEvent } from '../images.ts';
import type { LayerStore } from '../layers/layer-store.ts';
import { downloadBlob, WrongBytes } from './download.ts';
import { GrowingFile } from './growing-file.ts';
import type { Descriptor } from './manifest.ts';
import type { Repository } from './repository.ts';
import { SharedWork } from './shared.ts';

/** Docker's default for downloads at once. */
const PARALLEL_LAYERS = 3;
/** Milliseconds between two reports of how far a layer is. */
const REPORT_INTERVAL = 100;

export interface Layer {
  blob: Descriptor;
  diffId: string;
}

export interface LayerPullOptions {
  /** `host/path` of the repository, remembered for later pushes. */
  repository: string;
  progress: (event: ProgressEvent) => void;
  signal: AbortSignal;
}

type Step = Omit<ProgressEvent, 'id'>;

/** Brings layers in: download, check and unpacking of one overlap, and no layer is fetched twice at the same time. */
export class LayerPull {
  readonly #layers: LayerStore;
  readonly #downloads: string;
  readonly #clock: Clock;
  readonly #shared = new SharedWork<Step>();

  constructor(layers: LayerStore, downloads: string, clock: Clock) {
    this.#layers = layers;
    this.#downloads = downloads;
    this.#clock = clock;
  }

  /** Resolves when all layers, for which the caller holds a lease, are in the store. The first failure stops the others. */
  async pullAll(source: Repository, layers: readonly Layer[], { repository, progress, signal }: LayerPullOptions): Promise<void> {
    const missing: Layer[] = [];
    for (const layer of layers) {
      const present = this.#layers.get(layer.diffId) !== undefined || missing.some((other) => other.diffId === layer.diffId);
      progress({ id: shortId(layer.blob.digest), status: present ? 'Already exists' : 'Pulling fs layer' });
      if (!present) missing.push(layer);
    }
    for (const layer of missing.slice(PARALLEL_LAYERS)) progress({ id: shortId(layer.blob.digest), status: 'Waiting' });
    const limiter = new Limiter(PARALLEL_LAYERS);
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    await Promise.allSettled(
      missing.map(async (layer) => {
        const report = (step: Step) => progress({ id: shortId(layer.blob.digest), ...step });
        try {
          await limiter.run(() => this.#shared.join(layer.diffId, (all, ended) => this.#pullAnew(source, layer, all, ended), report, both));
          await this.#layers.noteBlob(layer.diffId, {
            digest: layer.blob.digest,
            size: layer.blob.size,
            mediaType: layer.blob.mediaType,
            repositories: [repository],
          });
        } catch (error) {
          failed.abort(error);
        }
      }),
    );
    signal.throwIfAborted();
    failed.signal.throwIfAborted();
  }

  async #pullAnew(source: Repository, layer: Layer, report: (step: Step) => void, signal: AbortSignal): Promise<void> {
    try {
      await this.#pull(source, layer, report, signal);
    } catch (error) {
      // The wrong bytes may be another registry's, left by a pull that was cancelled.
      if (!(error instanceof WrongBytes && error.resumed)) throw error;
      await this.#pull(source, layer, report, signal);
    }
  }

  async #pull(source: Repository, { blob, diffId }: Layer, report: (step: Step) => void, signal: AbortSignal): Promise<void> {
    if (this.#layers.get(diffId)) return report({ status: 'Already exists' });
    await using lease = this.#layers.lease();
    const path = join(this.#downloads, `${blob.digest.replace(':', '-')}-${shortId(diffId)}.partial`);
    await using file = await GrowingFile.open(path);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    let fetched = false;
    const extracting = this.#throttled('Extracting', blob.size, (step) => fetched && report(step));
    lease.add(diffId);
    const unpacked = this.#layers.unpack(file.read(0, { reuse: true }), { lease, diffId, signal: both, progress: extracting });
    // A layer that cannot be unpacked need not be fetched to its end.
    unpacked.catch((error) => stop.abort(error));
    try {
      await downloadBlob(source, blob, file, this.#throttled('Downloading', blob.size, report), this.#clock, both);
      report({ status: 'Verifying Checksum' });
      report({ status: 'Download complete' });
      fetched = true;
      file.end();
      await unpacked;
    } catch (error) {
      file.fail(error);
      stop.abort(error);
      // Nothing may go on in the layer store when the caller is told.
      await unpacked.catch(() => {});
      // On a full disk the room counts more than the work that it would save.
      if (errnoOf(stop.signal.reason) === 'ENOSPC') await rm(path, { force: true });
      throw signal.aborted ? signal.reason : stop.signal.reason;
    }
    report({ status: 'Extracting', current: blob.size, total: blob.size });
    report({ status: 'Pull complete' });
    await rm(path, { force: true });
  }

  #throttled(status: string, total: number, report: (step: Step) => void): (bytes: number) => void {
    let last = 0;
    return (current) => {
      const now = this.#clock.now();
      if (now - last < REPORT_INTERVAL && current < total) return;
      last = now;
      report({ status, current, total });
    };
  }
}

/** What Docker shows of a digest: twelve digits. */
export function shortId(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}
