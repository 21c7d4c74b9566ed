import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, Limiter } from '../../base/index.ts';
import type { ProgressEvent } from '../images.ts';
import type { LayerBlob, LayerStore } from '../layers/layer-store.ts';
import { GrowingFile } from './growing-file.ts';
import { shortId } from './layer-pull.ts';
import { type Descriptor, MEDIA } from './manifest.ts';
import type { Repository } from './repository.ts';
import { withRetries } from './retry.ts';
import { hasBlob, mountBlob, uploadBlob } from './upload.ts';

/** Each upload also compresses, so few at once. */
const PARALLEL_LAYERS = 3;
const ATTEMPTS = 5;
const REPORT_INTERVAL = 100;
/** More blobs that hold the same layer are not looked for. */
const MOST_CHECKS = 4;
/** More places to mount a blob from are not tried. */
const MOST_MOUNTS = 4;

export interface LayerPushOptions {
  domain: string;
  path: string;
  progress: (event: ProgressEvent) => void;
  signal: AbortSignal;
}

type Report = (step: Omit<ProgressEvent, 'id'>) => void;

/** Brings the layers of an image to a repository, sending only what the registry does not have. */
export class LayerPush {
  readonly #layers: LayerStore;
  readonly #folder: string;
  readonly #clock: Clock;
  #uploads = 0;

  constructor(layers: LayerStore, folder: string, clock: Clock) {
    this.#layers = layers;
    this.#folder = folder;
    this.#clock = clock;
  }

  /** Resolves to the blobs, in the order of `diffIds`. The first failure stops the others. */
  async pushAll(target: Repository, diffIds: readonly string[], options: LayerPushOptions): Promise<Descriptor[]> {
    const { progress, signal } = options;
    // Docker shows the topmost layer first.
    const distinct = [...new Set(diffIds)].reverse();
    for (const diffId of distinct) progress({ id: shortId(diffId), status: 'Preparing' });
    for (const diffId of distinct.slice(PARALLEL_LAYERS)) progress({ id: shortId(diffId), status: 'Waiting' });
    const limiter = new Limiter(PARALLEL_LAYERS);
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const blobs = new Map<string, Descriptor>();
    await Promise.allSettled(
      distinct.map((diffId) =>
        limiter.run(async () => {
          try {
            both.throwIfAborted();
            const report: Report = (step) => progress({ id: shortId(diffId), ...step });
            const blob = (await this.#reuse(target, diffId, options, report, both)) ?? (await this.#upload(target, diffId, report, both));
            await this.#layers.noteBlob(diffId, { ...blob, repositories: [`${options.domain}/${options.path}`] });
            blobs.set(diffId, blob);
          } catch (error) {
            failed.abort(error);
          }
        }),
      ),
    );
    signal.throwIfAborted();
    failed.signal.throwIfAborted();
    return diffIds.map((diffId) => blobs.get(diffId) as Descriptor);
  }

  /** A blob of the layer that the registry has: in this repository, or in another one to mount it from. */
  async #reuse(
    target: Repository,
    diffId: string,
    { domain, path }: LayerPushOptions,
    report: Report,
    signal: AbortSignal,
  ): Promise<Descriptor | undefined> {
    const blobs = this.#layers.blobs(diffId);
    const known = blobs.filter((blob) => blob.repositories.some((place) => place.startsWith(`${domain}/`)));
    // Images wander: what another registry has may well be here too, under the same digest.
    for (const blob of [...known, ...blobs.filter((one) => !known.includes(one))].slice(0, MOST_CHECKS)) {
      if (await withRetries(this.#clock, ATTEMPTS, signal, () => hasBlob(target, blob.digest, signal))) {
        report({ status: 'Layer already exists' });
        return descriptorOf(blob);
      }
    }
    const places = known.flatMap((blob) =>
      blob.repositories.filter((place) => place.startsWith(`${domain}/`)).map((place) => ({ blob, from: place.slice(domain.length + 1) })),
    );
    for (const { blob, from } of places.filter((place) => place.from !== path).slice(0, MOST_MOUNTS)) {
      // A registry that refuses a mount (rights, or none known) still takes an upload.
      const mounted = await mountBlob(target, blob.digest, from, signal).catch(() => false);
      signal.throwIfAborted();
      if (!mounted) continue;
      report({ status: `Mounted from ${from}` });
      return descriptorOf(blob);
    }
    return undefined;
  }

  /** Compresses into a file that is sent while it grows, so that a broken upload can go on where it stopped. */
  async #upload(target: Repository, diffId: string, report: Report, signal: AbortSignal): Promise<Descriptor> {
    this.#uploads += 1;
    const path = join(this.#folder, `push-${shortId(diffId)}-${this.#uploads}.gz`);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      await using file = await GrowingFile.open(path);
      let taken = 0;
      const compressed = this.#compress(diffId, file, both, (bytes) => (taken = bytes));
      compressed.catch((error) => {
        file.fail(error);
        stop.abort(error);
      });
      try {
        // Until a worker is free no byte comes: a registry that was asked to take some would lose patience.
        await file.begun();
        const show = this.#throttled(this.#layers.get(diffId)?.tarSize ?? 0, report);
        // As Docker does: how much of the tar is there, not of what it was packed to, which nobody knows before the end.
        const onProgress = (sent: number) => show(Math.round((taken * sent) / Math.max(file.size, 1)));
        await uploadBlob(target, file, compressed, onProgress, this.#clock, both);
        report({ status: 'Pushed' });
        return { mediaType: MEDIA.dockerLayer, digest: await compressed, size: file.size };
      } catch (error) {
        stop.abort(error);
        await compressed.catch(() => {});
        throw stop.signal.reason;
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  async #compress(diffId: string, file: GrowingFile, signal: AbortSignal, taken: (tarBytes: number) => void): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of this.#layers.openGzip(diffId, signal, taken)) {
      hash.update(chunk);
      await file.write(chunk);
    }
    file.end();
    return `sha256:${hash.digest('hex')}`;
  }

  #throttled(total: number, report: Report): (bytes: number) => void {
    let [last, shown] = [0, -1];
    return (current) => {
      const now = this.#clock.now();
      if (current === shown || (now - last < REPORT_INTERVAL && current < total)) return;
      [last, shown] = [now, current];
      report({ status: 'Pushing', current, total: Math.max(total, current) });
    };
  }
}

const descriptorOf = ({ digest, size, mediaType }: LayerBlob): Descriptor => ({ mediaType: mediaType || MEDIA.dockerLayer, digest, size });
