/** What a step came to, kept for the next build that asks for the same. One row of the store; the layer is pinned under its key. */
export interface StepRecord {
  /** 64 digits: everything that the step's result depends on. */
  key: string;
  diffId: string;
  /** Bytes of file content. */
  size: number;
  /** RFC 3339: the image's history shows it, so that a build from the cache gives the same image. */
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
  /** Such as `RUN make`. */
  description: string;
  /** Keys of the steps that it stands on. */
  parents: string[];
}

/** The owner of a record's layer in `ImageAssembly.pin`. */
export const pinOwner = (key: string): string => `build:${key}`;

/** The key of a pin that is ours. */
export function keyOfPin(owner: string): string | undefined {
  return owner.startsWith('build:') ? owner.slice('build:'.length) : undefined;
}
