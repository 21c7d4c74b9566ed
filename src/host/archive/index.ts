import { Readable } from 'node:stream';
import type { CaptureResult, PlaceItem, TreeEntry, UnpackResult } from './jobs.ts';
import { feedJob, readJob, runJob } from './pool.ts';

export type { CaptureResult, PlaceItem, TreeEntry, UnpackResult };

export interface PackOptions {
  /** Directory that links can't lead out of. */
  root: string;
  /** Inside the root; a link at the end is packed as a link. */
  path: string;
  /** Name of the topmost entry; with the empty name there is none, only what is in the directory. */
  name: string;
}

/**
 * A file, or a directory and all in it, as a plain tar: owners, modes, times (to the second), hard links, devices, capabilities and user
 * attributes. Sockets are left out. The work is done by a thread, race-free below the root.
 */
export function packTree(options: PackOptions): Readable {
  return Readable.from(readJob({ kind: 'pack', ...options }), { objectMode: false, highWaterMark: 1024 * 1024 });
}

export interface UnpackTreeOptions {
  /** Directory that neither entries nor links, in the archive or there already, can lead out of. */
  root: string;
  /** Inside the root: the directory to unpack into. It must exist. */
  path: string;
  /** Refuse to put a directory where something else is, and the other way round. */
  noOverwriteDirNonDir?: boolean;
  /** Of all entries, whatever the archive says. */
  owner?: { uid: number; gid: number };
  signal?: AbortSignal;
}

/**
 * Unpacks a plain tar as its source delivers it, in the place of what is there. Names that lead out, archives that are damaged
 * or end too early, and what a tar should not hold are `invalid`; a full disk is `unavailable`. What was unpacked before stays.
 */
export async function unpackTree(tar: AsyncIterable<Uint8Array>, options: UnpackTreeOptions): Promise<UnpackResult> {
  const { root, path, noOverwriteDirNonDir = false, owner, signal } = options;
  return (await feedJob(
    { kind: 'unpack', root, path, noOverwriteDirNonDir, whiteouts: false, rootEntry: false, ...(owner ? { owner } : {}) },
    tar,
    signal,
  )) as UnpackResult;
}

export interface LayerPlace {
  /** Directory of the unpacked tree: exists, empty, nobody else's. */
  tree: string;
  /** File by which the tar is made again. */
  recipe: string;
  /** Directory for what later entries replace; made when needed. */
  displaced: string;
}

/** As `unpackTree`, for a layer: whiteouts become those of overlayfs, and the exact tar can be had again by `rebuildLayer`. */
export async function unpackLayer(tar: AsyncIterable<Uint8Array>, place: LayerPlace, signal?: AbortSignal): Promise<UnpackResult> {
  return (await feedJob(
    {
      kind: 'unpack',
      root: place.tree,
      path: '',
      noOverwriteDirNonDir: false,
      whiteouts: true,
      rootEntry: true,
      recipe: place.recipe,
      displaced: place.displaced,
    },
    tar,
    signal,
  )) as UnpackResult;
}

/** The tar that a layer was unpacked from, byte by byte as long as nobody changed the tree: check its digest. */
export function rebuildLayer(place: LayerPlace): AsyncGenerator<Buffer> {
  return readJob({ kind: 'rebuild', root: place.tree, recipe: place.recipe, displaced: place.displaced });
}

/**
 * The same into a descriptor, a pipe that blocks its writer: the event loop never sees the bytes. Resolves to their digest.
 * `count`, 8 bytes, always says how many were written.
 */
export async function writeLayer(place: LayerPlace, descriptor: number, count?: SharedArrayBuffer): Promise<string> {
  const { tree: root, recipe, displaced } = place;
  return (await runJob({ kind: 'rebuild', root, recipe, displaced, to: descriptor, ...(count ? { count } : {}) })) as string;
}

/** Copies what is in `source` (inside `root`) into the directory `target`, with owners, modes, times, attributes, links and devices. */
export async function copyTree(root: string, source: string, target: string): Promise<void> {
  await runJob({ kind: 'copy', root, source, target });
}

export interface CaptureOptions {
  /** The upper tree of an overlay. With `move` it is made to agree with the tar, for the caller to make it the layer's tree. */
  upper: string;
  move: boolean;
  /** Where layer and recipe go; the tree must be empty, or with `move` not be there. */
  place: LayerPlace;
  /** Seconds since the epoch: no time in the layer is later. */
  latest?: number;
  signal: AbortSignal;
}

/** Makes a layer of what is in an upper tree: digest, recipe, and without `move` a copy of the files. The tar is Docker's, byte by byte. */
export async function captureLayer(options: CaptureOptions): Promise<CaptureResult> {
  const { upper, move, place, latest, signal } = options;
  const result = await cancellable(signal, (cancel) =>
    runJob({
      ...{ kind: 'capture', root: upper, recipe: place.recipe, cancel },
      ...(move ? {} : { copy: place.tree }),
      ...(latest === undefined ? {} : { latest }),
    }),
  );
  return result as CaptureResult;
}

/** Lists a file, or a directory and all in it (parents first, sorted), with digests of the contents when asked for. */
export async function scanTree(root: string, path: string, options: { digests: boolean; shallow?: boolean }): Promise<TreeEntry[]> {
  return (await runJob({ kind: 'scan', root, path, shallow: false, ...options })) as TreeEntry[];
}

export interface PlaceOptions {
  root: string;
  items: readonly PlaceItem[];
  /** Of all that is made; that of each entry when absent. */
  owner?: { uid: number; gid: number };
  /** Mode of missing parents of a destination. */
  parentMode: number;
  signal: AbortSignal;
}

/**
 * Copies files into a root in the way of COPY, race-free below the root: contents of a directory go into the destination, a file goes into
 * a directory that is there, or takes the place of another file. Where a file would take a directory's place, or the other way round: `invalid`.
 */
export async function placeFiles(options: PlaceOptions): Promise<void> {
  const { root, items, owner, parentMode, signal } = options;
  await cancellable(signal, (cancel) =>
    runJob({ kind: 'place', root, items, ...(owner ? { owner } : {}), parents: { mode: parentMode }, cancel }),
  );
}

async function cancellable(signal: AbortSignal, run: (cancel: SharedArrayBuffer) => Promise<unknown>): Promise<unknown> {
  signal.throwIfAborted();
  const cancel = new SharedArrayBuffer(4);
  const onAbort = () => Atomics.store(new Int32Array(cancel), 0, 1);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await run(cancel);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
