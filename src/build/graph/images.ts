import { isKind } from '../../base/index.ts';
import { formatReference, type ProgressEvent, parseReference, type RemoteLayers, withDefaultTag } from '../../images/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { BuildRequest } from '../builder.ts';
import type { BuildParts } from '../parts.ts';
import type { Progress, StepProgress } from './progress.ts';

/** An image that a build takes layers or files from. */
export interface FoundImage {
  image: ImageRecord;
  /** It had to be fetched. */
  pulled: boolean;
}

/** Images by name and platform: the local one unless the build asks for the registry's. Each is looked up once a build. */
export class BuildImages {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #progress: Progress;
  readonly #found = new Map<string, Promise<FoundImage>>();

  constructor(parts: BuildParts, request: BuildRequest, progress: Progress) {
    this.#parts = parts;
    this.#request = request;
    this.#progress = progress;
  }

  /** `platform` is `os/architecture[/variant]`. */
  find(reference: string, platform: string, signal: AbortSignal): Promise<FoundImage> {
    const key = `${reference} ${platform}`;
    const known = this.#found.get(key);
    if (known) return known;
    const step = this.#progress.announce(`[internal] load metadata for ${longName(reference)}`);
    const finding = step.during(() => this.#look(reference, platform, step, signal));
    this.#found.set(key, finding);
    return finding;
  }

  async #look(reference: string, platform: string, step: StepProgress, signal: AbortSignal): Promise<FoundImage> {
    const local = this.#request.pull ? undefined : this.local(reference);
    if (local) this.#parts.images.touch(local.id);
    if (local && isOf(local, platform)) return { image: local, pulled: false };
    try {
      return { image: await this.pull(reference, platform, step, signal), pulled: true };
    } catch (error) {
      // Asked by id or digest prefix, or built here for another platform: what is here is all that there is.
      if (local && isKind(error, 'notFound')) return { image: local, pulled: false };
      throw error;
    }
  }

  /** Undefined when it is not here. */
  local(reference: string): ImageRecord | undefined {
    try {
      return this.#parts.images.get(reference);
    } catch (error) {
      if (isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  async pull(reference: string, platform: string, step: StepProgress, signal: AbortSignal): Promise<ImageRecord> {
    const { name, options } = await this.#transfer(reference, platform, step, signal);
    return await this.#parts.images.pull(name, options);
  }

  /** What a registry has, without taking it. */
  async peek(reference: string, platform: string, step: StepProgress, signal: AbortSignal): Promise<RemoteLayers> {
    const { name, options } = await this.#transfer(reference, platform, step, signal);
    return await this.#parts.images.peek(name, options);
  }

  async #transfer(reference: string, platform: string, step: StepProgress, signal: AbortSignal) {
    const parsed = withDefaultTag(parseReference(reference));
    const credentials = await this.#request.client.credentials(parsed.domain, signal);
    const options = { platform, ...(credentials === undefined ? {} : { credentials }), progress: countingIn(step), signal };
    return { name: formatReference(parsed), options };
  }
}

/** Shows the bytes of layers that come in as part of a step. */
export function countingIn(step: StepProgress): (event: ProgressEvent) => void {
  const counters = new Map<string, ReturnType<StepProgress['counter']>>();
  return ({ id, status, current, total }) => {
    if (id === undefined || current === undefined) return;
    const name = `${status.toLowerCase()} ${id}`;
    const count = counters.get(name) ?? step.counter(name, status.toLowerCase());
    counters.set(name, count);
    count(current, total ?? 0, total !== undefined && current >= total);
  };
}

/** `docker.io/library/busybox:latest`; an id stays as it is. */
export function longName(reference: string): string {
  try {
    const parsed = withDefaultTag(parseReference(reference));
    const tag = parsed.tag === undefined ? '' : `:${parsed.tag}`;
    return `${parsed.domain}/${parsed.path}${tag}${parsed.digest === undefined ? '' : `@${parsed.digest}`}`;
  } catch {
    return reference;
  }
}

function isOf(image: ImageRecord, platform: string): boolean {
  const [os, architecture] = platform.split('/');
  return (image.os || 'linux') === os && (image.architecture === architecture || image.architecture === '');
}
