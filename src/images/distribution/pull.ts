import { existsSync, mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, GantryError, notFound } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import type { MakeRoom, ProgressEvent, PullGuard, PullOptions, RemoteLayers } from '../images.ts';
import type { LayerRecord, LayerStore } from '../layers/layer-store.ts';
import { formatReference, type Reference, repositoryOf } from '../reference.ts';
import type { Trust, TrustReport } from '../trust/index.ts';
import { LayerPull } from './layer-pull.ts';
import { choosePlatform, type Descriptor, type ImageManifest, parseConfig, parseManifest, sha256Digest } from './manifest.ts';
import { formatPlatform, hostPlatform, matchPlatform, type Platform, parsePlatform } from './platform.ts';
import type { Manifest, Repository } from './repository.ts';
import { withRetries } from './retry.ts';
import { readBody } from './transport.ts';

const MOST_CONFIG_BYTES = 8 * 1024 * 1024;
const CONFIG_ATTEMPTS = 5;
/** Milliseconds after which a partial download that nobody took up is deleted. */
const PARTIAL_LIFE = 60 * 60 * 1000;

export interface PullParts {
  layers: LayerStore;
  catalog: ImageCatalog;
  /** Folder for what is being downloaded; cleared at start. */
  downloads: string;
  clock: Clock;
  /** Judges what is to be pulled; undefined: nothing does. */
  trust?: Trust;
  guard?: PullGuard;
  makeRoom?: MakeRoom;
}

type Document = { mediaType: string; data: Buffer };

/** Fetches images from one repository into the stores. */
export class ImagePull {
  readonly #parts: PullParts;
  readonly #layers: LayerPull;

  constructor(parts: PullParts) {
    this.#parts = parts;
    this.#layers = new LayerPull(parts.layers, parts.downloads, parts.clock);
  }

  /**
   * One tag or digest. Reports in Docker's words and order.
   * `changed` tells whether the name stood for something else (or nothing) before.
   */
  async pull(source: Repository, reference: Reference, options: PullOptions): Promise<{ image: ImageRecord; changed: boolean }> {
    const { layers, catalog } = this.#parts;
    const { progress, signal } = options;
    const shown = formatReference(reference);
    mkdirSync(this.#parts.downloads, { recursive: true, mode: 0o700 });
    this.dropPartials(PARTIAL_LIFE);
    const { what, top, chosen, config, diffIds } = await this.#describe(source, reference, options);
    await using lease = layers.lease();
    for (const diffId of diffIds) lease.add(diffId);
    const repository = repositoryOf(reference);
    if (!catalog.find(chosen.image.config.digest)) {
      const list = chosen.image.layers.map((blob, i) => ({ blob, diffId: diffIds[i] ?? '' }));
      const missing = list.filter(({ diffId }) => !layers.get(diffId));
      // Unpacked it will be more; how much nobody knows yet.
      await this.#parts.makeRoom?.(
        `pulling ${shown}`,
        missing.reduce((sum, { blob }) => sum + blob.size, 0),
      );
      await this.#layers.pullAll(source, list, { repository, progress, signal });
    }
    await this.#parts.guard?.admit?.({ id: chosen.image.config.digest, layers: diffIds, name: shown }, progress, signal);
    const before = catalog.find(shown)?.id;
    const names = [...(reference.digest === undefined ? [`${repository}:${what}`] : []), `${repository}@${top.digest}`];
    const image = await catalog.put({ config, names, lease, manifest: chosen.manifest, event: { action: 'pull', reference: shown } });
    progress({ status: `Digest: ${top.digest}` });
    return { image, changed: before !== image.id };
  }

  /** See `Images.peek`. */
  async peek(source: Repository, reference: Reference, options: PullOptions): Promise<RemoteLayers> {
    const { layers, makeRoom } = this.#parts;
    const { chosen, config, diffIds } = await this.#describe(source, reference, options);
    const shown = formatReference(reference);
    return {
      config: JSON.parse(config.toString('utf8')) as Record<string, unknown>,
      layers: diffIds,
      fetch: async (diffId, lease, { progress, signal }) => {
        const blob = chosen.image.layers[diffIds.indexOf(diffId)];
        if (!blob) throw new GantryError('internal', `${shown} has no layer ${diffId}`);
        lease.add(diffId);
        if (!layers.get(diffId)) await makeRoom?.(`fetching a layer of ${shown}`, blob.size);
        await this.#layers.pullAll(source, [{ blob, diffId }], { repository: repositoryOf(reference), progress, signal });
        return layers.get(diffId) as LayerRecord;
      },
    };
  }

  /** What the registry has under the name for the platform, if the trust policy lets it in. */
  async #describe(source: Repository, reference: Reference, { platform, progress, signal }: PullOptions) {
    const wanted = platform ? parsePlatform(platform) : undefined;
    const what = reference.digest ?? reference.tag ?? 'latest';
    const shown = formatReference(reference);
    const top = await source.getManifest(what, signal);
    progress({ id: what, status: `Pulling from ${reference.path}` });
    const chosen = await this.#choose(source, shown, top, wanted ?? hostPlatform(), signal);
    const signature = await this.#parts.trust?.admit(source, reference, digestsOf(top, chosen), signal);
    if (signature) progress({ id: what, status: `Trusted: a ${signature.form} ${signature.finding}` });
    const config = await this.#config(source, shown, chosen.image.config, signal);
    const parsed = parseConfig(shown, config, chosen.image.layers.length);
    checkPlatform(shown, parsed.platform, wanted);
    return { what, top, chosen, config, diffIds: parsed.diffIds };
  }

  /** What the trust policy, which wants a signature, makes of a name. Nothing is kept. */
  async judge(trust: Trust, source: Repository, reference: Reference, signal: AbortSignal): Promise<TrustReport> {
    const top = await source.getManifest(reference.digest ?? reference.tag ?? 'latest', signal);
    const chosen = await this.#choose(source, formatReference(reference), top, hostPlatform(), signal);
    return await trust.report(source, reference, digestsOf(top, chosen), signal);
  }

  /** What a manifest runs on: an index tells, an image's configuration does. */
  async platforms(source: Repository, shown: string, top: Manifest, signal: AbortSignal): Promise<Platform[]> {
    const parsed = parseManifest(shown, top.body, top.contentType);
    if (parsed.kind === 'index')
      return parsed.manifests.flatMap(({ platform }) => (platform && platform.os !== 'unknown' ? [platform] : []));
    const config = await this.#config(source, shown, parsed.config, signal);
    return [parseConfig(shown, config, parsed.layers.length).platform];
  }

  async #choose(
    repository: Repository,
    shown: string,
    top: Manifest,
    wanted: Platform,
    signal: AbortSignal,
  ): Promise<{ image: ImageManifest; manifest: Document }> {
    const first = parseManifest(shown, top.body, top.contentType);
    if (first.kind === 'image') return { image: first, manifest: kept(top) };
    const entry = choosePlatform(shown, first, wanted);
    const inner = await repository.getManifest(entry.digest, signal);
    if (inner.body.length !== entry.size)
      throw new GantryError(
        'unavailable',
        `The index of ${shown} says that the manifest ${entry.digest} has ${entry.size} bytes, but ${repository.name} sent ${inner.body.length}`,
      );
    const image = parseManifest(shown, inner.body, inner.contentType || entry.mediaType);
    if (image.kind === 'index')
      throw new GantryError('unsupported', `The index of ${shown} has an index for ${formatPlatform(wanted)}, where an image is expected`);
    return { image, manifest: kept(inner) };
  }

  /** The configuration, small enough to be read at once. */
  async #config(repository: Repository, shown: string, blob: Descriptor, signal: AbortSignal): Promise<Buffer> {
    if (blob.size > MOST_CONFIG_BYTES)
      throw new GantryError('unsupported', `The configuration of ${shown} has ${blob.size} bytes, more than ${MOST_CONFIG_BYTES}`);
    return withRetries(this.#parts.clock, CONFIG_ATTEMPTS, signal, async () => {
      const body = await readBody(await repository.openBlob(blob.digest, 0, signal), blob.size);
      const digest = sha256Digest(body);
      if (digest !== blob.digest)
        throw new GantryError(
          'unavailable',
          `image config verification failed for digest ${blob.digest}: ${repository.name} sent bytes with the digest ${digest}`,
        );
      return body;
    });
  }

  /** Deletes what cancelled pulls left and nobody has taken up for so many milliseconds. */
  dropPartials(age: number): void {
    const { downloads, clock } = this.#parts;
    if (!existsSync(downloads)) return;
    for (const name of readdirSync(downloads)) {
      if (!name.endsWith('.partial')) continue;
      const file = join(downloads, name);
      const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
      if (changed !== undefined && clock.now() - changed > age) unlinkSync(file);
    }
  }
}

/** The last line of a pull. */
export function statusLine(shown: string, changed: boolean): ProgressEvent {
  return { status: changed ? `Status: Downloaded newer image for ${shown}` : `Status: Image is up to date for ${shown}` };
}

/** A signature may be of the index as well as of the image in it: each stands for the bytes that are pulled. */
function digestsOf(top: Manifest, chosen: { manifest: Document }): string[] {
  return [...new Set([top.digest, sha256Digest(chosen.manifest.data)])];
}

function kept({ contentType, body }: Manifest): Document {
  let mediaType = contentType.split(';', 1)[0]?.trim() ?? '';
  const inside: unknown = (JSON.parse(body.toString('utf8')) as { mediaType?: unknown }).mediaType;
  if (typeof inside === 'string') mediaType = inside;
  return { mediaType, data: body };
}

/** An image of another system cannot run here; one of another architecture only comes when it was asked for. */
function checkPlatform(shown: string, platform: Platform, wanted: Platform | undefined): void {
  if (platform.os && platform.os !== 'linux')
    throw new GantryError('unsupported', `image operating system "${platform.os}" cannot be used on this platform: ${shown}`);
  if (wanted && platform.os && platform.architecture && matchPlatform(wanted, platform) === 0) {
    throw notFound(
      `image with reference ${shown} was found but its platform (${formatPlatform(platform)}) does not match the specified platform (${formatPlatform(wanted)})`,
    );
  }
}
