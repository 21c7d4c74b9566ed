import type { Readable } from 'node:stream';

/**
 * Blobs by digest: image configurations, manifests, and whatever else is small or must be kept verbatim. Layers are
 * not kept here: they live unpacked in the `LayerStore`, which can rebuild their tars exactly.
 *
 * A digest is `sha256:` and 64 lower-case hexadecimal digits; any other fails with `invalid`. A blob is visible only when it
 * is whole and verified. Every verb may be called at the same time for the same digest.
 */
export interface ContentStore {
  has(digest: string): boolean;
  /** Bytes; undefined when there is no such blob. */
  size(digest: string): number | undefined;
  /** The whole blob, verified: for documents. Fails with `notFound`, or `internal` ("blob sha256:… is damaged"). More than 32 MiB is `invalid`. */
  read(digest: string): Uint8Array;
  /** The blob as a stream; ends with an error when its content turns out to be damaged. */
  open(digest: string): Readable;
  /** Keeps a small blob; resolves to its digest. */
  write(data: Uint8Array, expected?: string): Promise<string>;
  /**
   * Takes a large blob in. What an earlier, unfinished ingest of the same digest wrote (in this life of the daemon) is kept:
   * begin fetching at `offset`. One ingest per digest at a time: a second `ingest` waits for the first to close.
   */
  ingest(expected: { digest: string; size?: number }, signal: AbortSignal): Promise<Ingest>;
  /** Idempotent. */
  delete(digest: string): Promise<void>;
  /** `size` is bytes of content, `disk` those that it takes on disk. */
  list(): { digest: string; size: number; disk: number }[];
  /** Bytes on disk of the folders that the blobs are in. */
  folders(): number;
  /** Host path of a blob (for tools and tests; reads go through `open`). */
  path(digest: string): string;
}

/** Close it always: without `commit` before, what was written is kept for a later attempt. */
export interface Ingest extends AsyncDisposable {
  /** Bytes that are there already. */
  readonly offset: number;
  /** Fails with `invalid` when there are more bytes than expected, with `unavailable` when the disk is full. */
  write(chunk: Uint8Array): Promise<void>;
  /** Verifies size and digest, then makes the blob visible. A mismatch is `invalid` and drops what was written. */
  commit(): Promise<void>;
  /** Drops what was written: the source turned out to be no good, or cannot resume. `offset` is 0 again. */
  restart(): Promise<void>;
}
