import type { Readable, Writable } from 'node:stream';
import type { ImageRecord } from '../model/index.ts';
import type { NewImage } from './catalog/catalog.ts';
import type { Platform } from './distribution/platform.ts';
import type { LayerLease, LayerRecord } from './layers/layer-store.ts';
import type { TrustReport } from './trust/index.ts';

export type { LayerLease, LayerRecord, NewImage, TrustReport };

/**
 * The images room: content (blobs by digest), layers (unpacked by diff id, mounted by overlayfs), names, and
 * the ways in and out (pull, load, import, save). A blob or layer is visible only when it is whole and verified:
 * work in progress lives in `<data-root>/tmp` and is cleared at start.
 */
export interface Images {
  list(): ImageRecord[];
  /**
   * By name (`busybox`, `busybox:tag`, `host/a@sha256:…`), id, or unique id prefix of at least one digit.
   * Fails with `notFound` ("No such image: …") or `conflict` when a prefix is ambiguous.
   */
  get(reference: string): ImageRecord;
  /** Pulls, verified and resumable. Platform is `os/arch[/variant]`. */
  pull(reference: string, options: PullOptions): Promise<ImageRecord>;
  /** With `allTags` the name stands for every tag that the repository has here; resolves to the last one. */
  push(reference: string, options: PushOptions): Promise<{ digest: string; size: number }>;
  /** Names of repositories with a term in them, sorted, in the catalog of a registry: `host[:port]/term`; without a host in that of Docker Hub's mirror. */
  search(term: string, options: { limit: number; credentials?: Credentials; signal: AbortSignal }): Promise<string[]>;
  /** What a registry has under a name, without pulling it. Platforms of an index that are unknown are left out. */
  lookUp(reference: string, options: { credentials?: Credentials; signal: AbortSignal }): Promise<RemoteImage>;
  /**
   * Keeps a document at a registry, as being about an image that is here and there (a bill of materials). Fails with `conflict` when the
   * registry has another image under that name.
   */
  attach(reference: string, artifact: Artifact, options: { credentials?: Credentials; signal: AbortSignal }): Promise<Attached>;
  /** From here on, `admit` is asked about each pulled image before it is to be seen. */
  guardPulls(admit: AdmitPulled): void;
  /** What the trust policy makes of a name that might be pulled. Nothing is kept. */
  judge(reference: string, options: { credentials?: Credentials; signal: AbortSignal }): Promise<TrustReport>;
  /** The configuration of an image that a registry has, under the rules of a pull; its layers come one by one when they are asked for. */
  peek(reference: string, options: PullOptions): Promise<RemoteLayers>;
  /**
   * For `docker login`: fails with `denied` when the registry does not accept them. Resolves with a token to keep instead of the
   * password, if the registry gives one. `serverAddress` is a host, a URL, or empty for Docker Hub.
   */
  checkCredentials(serverAddress: string, credentials: Credentials, signal: AbortSignal): Promise<{ identityToken?: string }>;
  /** A docker-archive or an OCI layout, plain or compressed (gzip, zstd), several images in one. Resolves to what was loaded: references, or ids of untagged ones. */
  load(archive: Readable, options: LoadOptions): Promise<string[]>;
  /**
   * Writes one archive that both Docker and OCI tools read. A name without a tag stands for all of its tags. The output is asked for when all images
   * were found; those for which `fits` throws are refused before that too.
   */
  save(
    references: readonly string[],
    output: () => Writable,
    options: { fits?: (image: ImageRecord, reference: string) => void; signal: AbortSignal },
  ): Promise<void>;
  /** One root filesystem as a tar (plain or compressed) becomes an image of one layer. */
  import(archive: Readable, options: ImportOptions): Promise<ImageRecord>;
  tag(source: string, target: string): Promise<void>;
  /**
   * Docker's rules: a name goes first; the image goes with its last name unless a container uses it. `usedBy` tells which do.
   * Resolves to what was untagged and deleted, in Docker's order.
   */
  remove(reference: string, options: { force: boolean; prune: boolean; usedBy: (imageId: string) => ImageUse[] }): Promise<RemovedImage[]>;
  prune(options: {
    filter: (image: ImageRecord) => boolean;
    usedBy: (imageId: string) => ImageUse[];
  }): Promise<{ removed: RemovedImage[]; spaceReclaimed: number }>;
  /** Bytes of file content that an image shares with others, in the way of `ImageRecord.size`. */
  sharedSizes(): (imageId: string) => number;
  storage(): Promise<ImageStorage>;
  /** Deletes what cancelled pulls left to be resumed, if nothing was added to it for so many milliseconds. */
  dropPartials(age: number): Promise<void>;
  /** Notes that an image is used now: a container comes or goes, a build stands on it. Pulls, loads, tags, pushes and saves are noted by themselves. */
  touch(imageId: string): void;
  /** RFC 3339. */
  lastUsed(imageId: string): string;
  /** Called when there is a layer more. */
  onGrowth(listener: () => void): void;
  /** Bytes of file content that a layer adds; 0 when the layer is not here. */
  layerSize(diffId: string): number;
  /** Listener for pull, tag, untag, delete, load, import, save, push. */
  onEvent(listener: (action: string, imageId: string, attributes: Record<string, string>) => void): void;
  readonly layers: ContainerLayers;
  readonly assembly: ImageAssembly;
}

/** The writable layer of a container on top of an image's layers. Every verb is idempotent. */
export interface ContainerLayers {
  /** Makes the writable layer. */
  create(containerId: string, imageId: string): Promise<void>;
  /** Mounts and returns the root filesystem's path. */
  mount(containerId: string): Promise<string>;
  unmount(containerId: string): Promise<void>;
  /** Unmounts and removes; never waits for the deletion of files (that goes on in the background, in `<data-root>/tmp`). */
  remove(containerId: string): Promise<void>;
  /** Ids with a writable layer, and which of them are mounted: reality, for reconciliation. */
  list(): Promise<{ containerId: string; mounted: boolean }[]>;
  /** Docker's diff: kind 0 modified, 1 added, 2 deleted; sorted by path; parents included. */
  changes(containerId: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]>;
  /** The merged root as a plain tar. */
  export(containerId: string, output: Writable, signal: AbortSignal): Promise<void>;
  /** Bytes of file content of the writable layer. */
  size(containerId: string): Promise<number>;
  /** Bytes on disk of all that the layer has. Nothing there is zero. Looks at files only where someone may have written since the last time. */
  storage(containerId: string): Promise<number>;
  /** Host directory that overlayfs shows as the root when mounted. */
  path(containerId: string): string;
}

/**
 * Making images out of layers, for builds and commit. Work in progress is under ids of the caller's choice, beside those of containers
 * (`ContainerLayers` mounts, unmounts, lists and removes it alike); what nobody claims at the next start is removed.
 */
export interface ImageAssembly {
  /** Keeps what is captured or named in it from being removed, until it is closed. */
  lease(): LayerLease;
  /** A writable layer on top of these layers (base first) rather than on an image's. */
  createRoot(id: string, layers: readonly string[]): Promise<void>;
  /** These layers as one read-only tree: mounts it and returns its path. `ContainerLayers.remove` takes it away. */
  mountLayers(id: string, layers: readonly string[]): Promise<string>;
  /**
   * What a writable layer adds, as a layer: the tar is the one that Docker would make of these files, byte by byte. Undefined when there is
   * nothing, or with `keepEmpty` the layer of an empty tar (a build's step always has one).
   * With `consume` the files are moved rather than copied: the root must not be mounted or used afterwards, only removed.
   * With `sourceDateEpoch` (seconds) no time in the layer is later than that.
   */
  capture(
    id: string,
    options: { lease: LayerLease; consume: boolean; keepEmpty?: boolean; sourceDateEpoch?: number; signal: AbortSignal },
  ): Promise<LayerRecord | undefined>;
  /** Keeps an image whose layers are here. */
  put(image: NewImage): Promise<ImageRecord>;
  layer(diffId: string): LayerRecord | undefined;
  /** The configuration of an image, byte by byte: its digest is the id. */
  config(imageId: string): Uint8Array;
  /** The exact tar of a layer. */
  openLayer(diffId: string, signal: AbortSignal): Readable;
  /** Keeps layers that no image names until `unpin`, also over restarts. Pinning again replaces what was pinned under that owner. */
  pin(owner: string, layers: readonly string[]): Promise<void>;
  unpin(owner: string): Promise<void>;
  pins(): { owner: string; layers: readonly string[] }[];
  /** Bytes on disk by diff id, of all layers that are here. */
  layersOnDisk(): Promise<ReadonlyMap<string, number>>;
  /** Whether an image names this layer. */
  inImage(diffId: string): boolean;
}

/** Bytes on disk, each counted once. */
export interface ImageStorage {
  /** Of layers, by diff id, however many images have one. */
  layers: ReadonlyMap<string, number>;
  /** Layers that are kept though no image names them: those of the build cache. */
  pinned: ReadonlySet<string>;
  /** Of configuration and manifest, by image id. */
  documents: ReadonlyMap<string, number>;
  /** Of what belongs to none of them: folders, what containers share, what cannot be read. */
  rest: number;
}

/**
 * To be asked before something that takes room on the disk: `purpose` is such as `pulling busybox:latest`, `bytes` what it takes at least. Fails with
 * `unavailable` when there is no such room and none can be made.
 */
export type MakeRoom = (purpose: string, bytes: number) => Promise<void>;

export interface RemoteImage {
  mediaType: string;
  digest: string;
  /** Bytes of the manifest. */
  size: number;
  platforms: { os: string; architecture: string; variant?: string }[];
}

/** An image that stays in its registry. */
export interface RemoteLayers {
  /** Its configuration document. */
  config: Readonly<Record<string, unknown>>;
  /** Diff ids, base first. */
  layers: readonly string[];
  /** Brings one of them here, unless it is. The lease keeps it. */
  fetch(diffId: string, lease: LayerLease, options: Pick<PullOptions, 'progress' | 'signal'>): Promise<LayerRecord>;
}

export interface ImageUse {
  containerId: string;
  running: boolean;
}

export interface RemovedImage {
  untagged?: string;
  deleted?: string;
}

export interface Credentials {
  username?: string;
  password?: string;
  identityToken?: string;
  registryToken?: string;
}

export interface TransferOptions {
  credentials?: Credentials;
  progress: (event: ProgressEvent) => void;
  signal: AbortSignal;
}

export interface PullOptions extends TransferOptions {
  platform?: string;
  allTags?: boolean;
}

export interface PushOptions extends TransferOptions {
  allTags?: boolean;
}

/** One step of long work; a dialect draws it (Docker: JSON lines with id, status, progressDetail). */
export interface ProgressEvent {
  id?: string;
  status: string;
  current?: number;
  total?: number;
  /** Set on the last event of some verbs, such as the digest of a push. */
  aux?: Record<string, unknown>;
}

export interface LoadOptions {
  progress: (event: ProgressEvent) => void;
  signal: AbortSignal;
  /** Only images for one of these; all when absent or empty. Fails with `notFound` when there is none. */
  platforms?: readonly Platform[];
  /** Told of each name that moves: the image of this id had it until now. */
  moved?: (name: string, imageId: string) => void;
}

export interface ImportOptions {
  reference?: string;
  message: string;
  platform?: string;
  /** What to write down as the engine's version. */
  version: string;
  /** Dockerfile instructions such as `CMD ["x"]`, in order. */
  changes: string[];
  signal: AbortSignal;
}

/**
 * Fails, with `denied`, when an image may not be pulled. Its layers are here and held, but nobody sees it yet; when this fails, they go again.
 * `name` is what was asked for.
 */
export type AdmitPulled = (
  image: { id: string; layers: readonly string[]; name: string },
  progress: (event: ProgressEvent) => void,
  signal: AbortSignal,
) => Promise<void>;

/** Who is asked; nobody as long as it is empty. */
export interface PullGuard {
  admit?: AdmitPulled;
}

/** A document about an image. */
export interface Artifact {
  /** Its media type, such as `application/vnd.cyclonedx+json`. */
  type: string;
  data: Uint8Array;
  /** RFC 3339. */
  created: string;
}

/** Digests of the manifest that holds the document, and of the one that it is about. */
export interface Attached {
  digest: string;
  subject: string;
}
