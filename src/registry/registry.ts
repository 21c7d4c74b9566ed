import type { Readable } from 'node:stream';

/**
 * The registry room: repositories of manifests, tags and blobs, kept below one root folder.
 *
 * Promises: a blob or manifest is visible only when it is whole and its digest is verified; a blob is kept once however many
 * repositories hold it, but each sees only its own; a manifest is taken only when all that it names is there; kill -9 at any
 * moment loses nothing that was acknowledged, and an upload goes on where the file ends; collection never takes what a push
 * in progress relies on. Who may do what is decided before these verbs are called (`access/`).
 *
 * Failures are `RegistryError`s with one of the codes of the distribution specification.
 */
export interface Registry {
  /** Why nothing can be changed here; undefined where pushes are welcome. */
  readonly readOnly: string | undefined;
  /** Names in byte order that come after `last`, at most `limit` of them. */
  repositories(page: Page): Promise<string[]>;
  /** Fails with NAME_UNKNOWN. */
  tags(repository: string, page: Page): Promise<string[]>;
  /** `reference` is a tag or a digest. Fails with MANIFEST_UNKNOWN. */
  manifest(repository: string, reference: string): Promise<StoredManifest>;
  /** Fails with MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, DENIED (a quota). `guard` is asked when the tag would move. */
  putManifest(repository: string, reference: string, mediaType: string, data: Buffer, guard: TagGuard): Promise<PutManifest>;
  /** A tag goes alone; a digest goes with all tags that point to it. `guard` is asked for those that would go, and for those of an index that holds it. */
  deleteManifest(repository: string, reference: string, guard: TagGuard): Promise<void>;
  /** Manifests whose `subject` is this digest, whether or not that exists. */
  referrers(repository: string, digest: string): Promise<Referrer[]>;
  /** Fails with BLOB_UNKNOWN. Being asked for keeps a blob from collection for a while. */
  blob(repository: string, digest: string): Promise<StoredBlob>;
  deleteBlob(repository: string, digest: string): Promise<void>;
  /** Makes a blob of another repository visible here too. False when there is none. */
  mount(repository: string, from: string, digest: string): Promise<boolean>;
  startUpload(repository: string): Promise<Upload>;
  /** Fails with BLOB_UPLOAD_UNKNOWN. */
  upload(repository: string, id: string): Promise<Upload>;
}

/** Asked just before tags move or go, with no other change of the repository between; what it throws stops the change. */
export type TagGuard = (tags: readonly string[]) => Promise<void>;

export interface Page {
  /** Names up to and including this one are left out. */
  last?: string | undefined;
  limit: number;
}

export interface StoredManifest {
  digest: string;
  mediaType: string;
  data: Buffer;
}

export interface PutManifest {
  digest: string;
  /** The digest that the manifest says it is about. */
  subject?: string;
  /** Sentences that the client should show: a quota is nearly full. */
  warnings: string[];
}

/** A descriptor as the referrers API lists it. */
export interface Referrer {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface StoredBlob {
  digest: string;
  size: number;
  /** Bytes from `start` up to and including `end`. */
  open(start: number, end: number, signal: AbortSignal): Readable;
}

/** One blob on its way in. */
export interface Upload {
  readonly id: string;
  readonly offset: number;
  /**
   * Appends, at `start` when the client said where: elsewhere than at `offset` fails with RANGE_INVALID. When the source breaks
   * off, what came is kept. A later call for the same upload ends an earlier one that still waits for its client.
   */
  append(source: AsyncIterable<Buffer>, options: { start?: number; length?: number; signal: AbortSignal }): Promise<void>;
  /** Verifies and makes the blob visible in the repository. A wrong digest is DIGEST_INVALID and drops the upload. */
  commit(digest: string): Promise<void>;
  cancel(): Promise<void>;
}

/** Bytes; each limit that is absent is none. */
export interface Quotas {
  total?: number;
  /** For each repository that no entry of `repositories` names. */
  repository?: number;
  /** By repository (`team/app`) or namespace (`team/`: all below it together). */
  named: Readonly<Record<string, number>>;
}

/** What has happened, for webhooks and logs. */
export interface RegistryEvent {
  action: 'push' | 'delete';
  kind: 'manifest' | 'tag' | 'blob';
  repository: string;
  digest?: string;
  tag?: string;
  mediaType?: string;
  size?: number;
}

export interface CollectionOptions {
  /** Only tells what would go. */
  dryRun: boolean;
}

export interface CollectionReport {
  dryRun: boolean;
  manifests: number;
  blobs: number;
  uploads: number;
  /** Bytes on disk. */
  bytes: number;
  milliseconds: number;
}

export interface RegistryUsage {
  repositories: number;
  manifests: number;
  tags: number;
  blobs: number;
  /** Of all blobs and manifests, each once. */
  bytes: number;
  uploads: number;
}
