import { describe, errnoOf, GantryError, invalid, isKind, type Log, notFound } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { Artifact, Attached, Credentials, PullOptions, PushOptions, RemoteImage, RemoteLayers, TransferOptions } from '../images.ts';
import { familiarName, formatReference, parseReference, type Reference, repositoryOf, withDefaultTag } from '../reference.ts';
import type { TrustReport } from '../trust/index.ts';
import { attachArtifact } from './attach.ts';
import { type Endpoint, endpointsOf, type RegistryOptions } from './endpoints.ts';
import { pullFailure, pushFailure, RegistryError } from './failures.ts';
import { checkLogin } from './login.ts';
import { ImagePull, type PullParts, statusLine } from './pull.ts';
import { ImagePush, type Pushed, type PushParts } from './push.ts';
import { Repository } from './repository.ts';
import { parseSearch, searchable, searchCatalog } from './search.ts';
import { TokenCache } from './tokens.ts';
import { Transport } from './transport.ts';

export interface DistributionParts extends RegistryOptions, PullParts, PushParts {
  log: Log;
  /** Folders with `<host:port>/ca.crt` …; Docker's and Gantry's when absent. */
  certificateFolders?: readonly string[];
  /** Milliseconds without a byte after which a connection counts as broken. */
  stallTimeout?: number;
}

const CERTIFICATE_FOLDERS = ['/etc/docker/certs.d', '/etc/gantry/certs.d'];
const STALL_TIMEOUT = 60_000;
/** Tags of what is about an image rather than one: signatures, attestations, lists of referrers. */
const ATTACHED = /^sha256-[0-9a-f]{64}(\.\w+)?$/;

/** The ways to and from registries. */
export class Distribution {
  readonly #parts: DistributionParts;
  readonly #transport: Transport;
  readonly #tokens: TokenCache;
  readonly #pull: ImagePull;
  readonly #push: ImagePush;

  constructor(parts: DistributionParts) {
    this.#parts = parts;
    this.#transport = new Transport({
      certificateFolders: parts.certificateFolders ?? CERTIFICATE_FOLDERS,
      userAgent: 'gantry',
      stallTimeout: parts.stallTimeout ?? STALL_TIMEOUT,
    });
    this.#tokens = new TokenCache(this.#transport, parts.clock);
    this.#pull = new ImagePull(parts);
    this.#push = new ImagePush(parts);
  }

  /** Pulls what `reference` says (`latest` when it has no tag), or every tag of it. Resolves to the (last) image. */
  async pull(reference: Reference, options: PullOptions): Promise<ImageRecord> {
    if (options.allTags && (reference.tag !== undefined || reference.digest !== undefined))
      throw invalid("tag can't be used with --all-tags/-a");
    const wanted = options.allTags ? reference : withDefaultTag(reference);
    const shown = formatReference(wanted);
    this.#parts.trust?.admitName(wanted);
    try {
      return await this.#withEndpoint(wanted, 'pull', options, async (repository) => {
        const { image, changed } = options.allTags
          ? await this.#pullAllTags(repository, wanted, options)
          : await this.#pull.pull(repository, wanted, options);
        options.progress(statusLine(shown, changed));
        return image;
      });
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(pullFailure(error, { name: familiarName(reference), full: shown }), `pull of ${shown}`);
    }
  }

  /** See `Images.peek`. */
  async peek(reference: Reference, options: PullOptions): Promise<RemoteLayers> {
    const wanted = withDefaultTag(reference);
    const shown = formatReference(wanted);
    this.#parts.trust?.admitName(wanted);
    try {
      return await this.#withEndpoint(wanted, 'pull', options, (repository) => this.#pull.peek(repository, wanted, options));
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(pullFailure(error, { name: familiarName(reference), full: shown }), `look-up of ${shown}`);
    }
  }

  /** Pushes the image of one tag (`latest` when there is none), or of every tag. Resolves to the (last) manifest. */
  async push(reference: Reference, options: PushOptions): Promise<Pushed> {
    if (reference.digest !== undefined) throw invalid('cannot push a digest reference');
    if (options.allTags && reference.tag !== undefined) throw invalid("tag can't be used with --all-tags/-a");
    options.progress({ status: `The push refers to repository [${reference.domain}/${reference.path}]` });
    const tags = options.allTags ? this.#tagsHere(reference) : [withDefaultTag(reference).tag ?? 'latest'];
    let pushed: Pushed | undefined;
    for (const tag of tags) {
      this.#checkPresent(`${repositoryOf(reference)}:${tag}`, familiarName(reference));
      pushed = await this.#pushTag({ ...reference, tag }, options);
    }
    if (!pushed) throw notFound(`An image does not exist locally with the tag: ${familiarName(reference)}`);
    return pushed;
  }

  async #pushTag(reference: Reference & { tag: string }, options: TransferOptions): Promise<Pushed> {
    try {
      return await this.#withEndpoint(reference, 'pull,push', options, (repository) => this.#push.push(repository, reference, options));
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(pushFailure(error), `push of ${formatReference(reference)}`);
    }
  }

  #tagsHere(reference: Reference): string[] {
    const names = this.#parts.catalog.list().flatMap((image) => image.tags.map((name) => parseReference(name)));
    return names.flatMap((name) => (repositoryOf(name) === repositoryOf(reference) && name.tag !== undefined ? [name.tag] : [])).sort();
  }

  /** What the registry itself has under this name; nothing is kept. */
  async lookUp(reference: Reference, options: { credentials?: Credentials; signal: AbortSignal }): Promise<RemoteImage> {
    const wanted = withDefaultTag(reference);
    const shown = formatReference(wanted);
    try {
      return await this.#withEndpoint(wanted, 'pull', options, async (repository) => {
        const top = await repository.getManifest(wanted.digest ?? wanted.tag ?? 'latest', options.signal);
        const platforms = await this.#pull.platforms(repository, shown, top, options.signal);
        return { mediaType: top.contentType, digest: top.digest, size: top.body.length, platforms };
      });
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(pullFailure(error, { name: familiarName(reference), full: shown }), `look-up of ${shown}`);
    }
  }

  /** See `Images.attach`. */
  async attach(
    reference: Reference,
    imageId: string,
    artifact: Artifact,
    options: { credentials?: Credentials; signal: AbortSignal },
  ): Promise<Attached> {
    const wanted = withDefaultTag(reference);
    try {
      return await this.#withEndpoint(wanted, 'pull,push', options, (repository) =>
        attachArtifact(repository, wanted, imageId, artifact, options.signal),
      );
    } catch (error) {
      options.signal.throwIfAborted();
      const shown = formatReference(wanted);
      throw asGantryError(pushFailure(pullFailure(error, { name: familiarName(reference), full: shown })), `attaching to ${shown}`);
    }
  }

  /** What the trust policy makes of a name. The registry is asked only where the policy wants a signature. */
  async judge(reference: Reference, options: { credentials?: Credentials; signal: AbortSignal }): Promise<TrustReport> {
    const { trust } = this.#parts;
    const wanted = withDefaultTag(reference);
    if (!trust) return everythingAccepted(wanted);
    const settled = trust.settled(wanted);
    if (settled) return settled;
    const shown = formatReference(wanted);
    try {
      return await this.#withEndpoint(wanted, 'pull', options, (repository) => this.#pull.judge(trust, repository, wanted, options.signal));
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(pullFailure(error, { name: familiarName(reference), full: shown }), `look-up of ${shown}`);
    }
  }

  /** Names of repositories, of a registry that is named before the term or else of Docker Hub's mirrors. */
  async search(text: string, options: { limit: number; credentials?: Credentials; signal: AbortSignal }): Promise<string[]> {
    const wanted = parseSearch(text);
    const place = { domain: wanted.domain, path: '' };
    const endpoints = searchable(wanted.domain, await endpointsOf(wanted.domain, this.#parts, true));
    try {
      return await this.#withOneOf(endpoints, place, { ...options, actions: 'pull', scope: 'registry:catalog:*' }, (repository) =>
        searchCatalog(repository, wanted, options.limit, options.signal),
      );
    } catch (error) {
      options.signal.throwIfAborted();
      throw asGantryError(error, `search of ${wanted.domain}`);
    }
  }

  /** Before any registry is asked. */
  #checkPresent(name: string, shown: string): void {
    try {
      this.#parts.catalog.get(name);
    } catch (cause) {
      if (!isKind(cause, 'notFound')) throw cause;
      throw new GantryError('notFound', `An image does not exist locally with the tag: ${shown}`, { cause });
    }
  }

  /** For `docker login`. Resolves when the registry accepts the credentials, with a token to keep instead of the password if it gives one. */
  checkCredentials(serverAddress: string, credentials: Credentials, signal: AbortSignal): Promise<{ identityToken?: string }> {
    return checkLogin(serverAddress, credentials, { transport: this.#transport, tokens: this.#tokens, registries: this.#parts }, signal);
  }

  dropPartials(age: number): void {
    this.#pull.dropPartials(age);
  }

  close(): void {
    this.#transport.close();
  }

  async #pullAllTags(
    repository: Repository,
    reference: Reference,
    options: PullOptions,
  ): Promise<{ image: ImageRecord; changed: boolean }> {
    const tags = (await repository.listTags(options.signal)).filter((tag) => !ATTACHED.test(tag));
    let last: ImageRecord | undefined;
    let changed = false;
    for (const tag of tags) {
      const pulled = await this.#pull.pull(repository, { ...reference, tag }, options);
      last = pulled.image;
      changed ||= pulled.changed;
    }
    if (!last) throw new GantryError('notFound', `repository ${familiarName(reference)} has no tags`);
    return { image: last, changed };
  }

  /** Tries the endpoints in turn. A registry's own "no" ends the search, except that of a mirror. */
  async #withEndpoint<T>(
    reference: Reference,
    actions: string,
    options: { credentials?: Credentials; signal: AbortSignal },
    work: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    return await this.#withOneOf(
      await endpointsOf(reference.domain, this.#parts, actions === 'pull'),
      reference,
      { ...options, actions },
      work,
    );
  }

  async #withOneOf<T>(
    endpoints: readonly Endpoint[],
    reference: Reference,
    options: { actions: string; scope?: string; credentials?: Credentials; signal: AbortSignal },
    work: (repository: Repository) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    let ofMirror = true;
    // What a registry itself says counts more than what its mirrors say, and its first address more than its second.
    const keep = (error: unknown, endpoint: Endpoint) => {
      if (ofMirror) failure = error;
      ofMirror &&= endpoint.mirror;
    };
    for (const endpoint of endpoints) {
      const repository = this.#repository(reference, endpoint, options);
      try {
        await repository.ping(options.signal);
      } catch (error) {
        options.signal.throwIfAborted();
        keep(error, endpoint);
        this.#parts.log.debug('registry endpoint does not answer', { endpoint: endpoint.origin, error: describe(error) });
        continue;
      }
      try {
        return await work(repository);
      } catch (error) {
        options.signal.throwIfAborted();
        if (!endpoint.mirror) throw error;
        keep(error, endpoint);
        this.#parts.log.info('mirror could not serve; going on to the next', {
          mirror: endpoint.origin,
          repository: reference.path,
          error: describe(error),
        });
      }
    }
    throw failure;
  }

  /** A mirror is another party: it never gets the user's credentials. */
  #repository(
    reference: Reference,
    endpoint: Endpoint,
    { actions, scope, credentials }: { actions: string; scope?: string; credentials?: Credentials },
  ): Repository {
    return new Repository({
      transport: this.#transport,
      tokens: this.#tokens,
      clock: this.#parts.clock,
      endpoint,
      path: reference.path,
      actions,
      ...(scope === undefined ? {} : { scope }),
      credentials: endpoint.mirror ? undefined : credentials,
    });
  }
}

/** Faults in the middle of a body come as Node's own errors. */
function asGantryError(error: unknown, what: string): unknown {
  if (error instanceof RegistryError || error instanceof GantryError) return error;
  const code = errnoOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GantryError('unavailable', `${what} failed: no space left on device`, { cause: error });
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT')
    return new GantryError('unavailable', `${what} failed: the registry's connection broke off`, { cause: error });
  return error;
}

function everythingAccepted(reference: Reference): TrustReport {
  const why = 'the engine has no trust policy (--trust-policy)';
  return { repository: repositoryOf(reference), digests: [], rule: { type: 'accept' }, admitted: true, why, signatures: [] };
}
