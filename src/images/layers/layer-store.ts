import type { Readable } from 'node:stream';

/**
 * Read-only layers, unpacked, keyed by diff id (the digest of the uncompressed tar). A layer does not depend on those
 * below it, so layers may be unpacked in any order and side by side, and are shared by every chain that has them.
 *
 * A layer is visible only when it is whole and its diff id is verified. One that neither an image, nor a container, nor a
 * lease names is removed as soon as the last of them goes.
 */
export interface LayerStore {
  get(diffId: string): LayerRecord | undefined;
  /** Keeps what it names from being removed until it is closed: take one before pull, load and the like begin. */
  lease(): LayerLease;
  /**
   * Unpacks one layer tar (plain, gzip or zstd, told apart by its first bytes), in a worker, as the source delivers it.
   * When the source throws (a lying digest, a broken connection that cannot be resumed), or the diff id is not `diffId`, or the signal
   * aborts, nothing is left behind. A layer that exists already is not unpacked again (the source is then not read at all).
   * Two workers at most run at once; a further source waits unread. Its pieces are used until the next one is asked for.
   */
  unpack(source: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<LayerRecord>;
  /** The exact tar of a layer, rebuilt from the unpacked tree; ends with an error that names the layer when that is damaged. */
  open(diffId: string, signal: AbortSignal): Readable;
  /**
   * The same as gzip; a piece is good until the next one is asked for. The bytes are the same each time on one host.
   * `taken` hears about how much of the tar is in what was given so far.
   */
  openGzip(diffId: string, signal: AbortSignal, taken?: (tarBytes: number) => void): AsyncIterable<Buffer>;
  /** Remembers that a registry's blob holds this layer: a later push need not compress it again, a later pull need not fetch it. */
  noteBlob(diffId: string, blob: LayerBlob): Promise<void>;
  /** What `noteBlob` was told, newest first. */
  blobs(diffId: string): readonly LayerBlob[];
  /** The layer that a registry's blob is known to hold, if that layer is here. */
  findBlob(digest: string): LayerRecord | undefined;
}

export interface LayerRecord {
  diffId: string;
  /** Bytes of file content, unpacked: what `docker history` shows. */
  size: number;
  /** Bytes of the tar: what `open` delivers. */
  tarSize: number;
  /** Bytes on disk, with all that is needed to make the tar again; once they were measured. */
  disk?: number;
}

export interface UnpackOptions {
  lease: LayerLease;
  /** Without it, the layer is whatever the tar turns out to be. */
  diffId?: string;
  signal: AbortSignal;
  /** Called now and then with the compressed bytes consumed so far. */
  progress?: (consumed: number) => void;
}

export interface CaptureOptions {
  lease: LayerLease;
  consume: boolean;
  /** A layer without files too is one. */
  keepEmpty?: boolean;
  /** Seconds: no time in the layer is later. */
  sourceDateEpoch?: number;
  signal: AbortSignal;
}

/** A layer as some registry has it. */
export interface LayerBlob {
  digest: string;
  /** Bytes, compressed. */
  size: number;
  mediaType: string;
  /** Where it is known to be: normalized `host/path` of repositories. */
  repositories: string[];
}

export interface LayerLease extends AsyncDisposable {
  add(diffId: string): void;
}
