import { GantryError, isKind } from '../../base/index.ts';
import { MEDIA, sha256Digest } from '../distribution/manifest.ts';
import type { Manifest, Repository } from '../distribution/repository.ts';
import { readBody } from '../distribution/transport.ts';
import { isDigest } from '../reference.ts';
import { SIGN_PREDICATE, type Signature, type UnreadableSignature } from './claims.ts';
import { BUNDLE, readSignature, SIGNATURE_CONFIG, type SignatureLayer, signatureLayers } from './read-signatures.ts';

const MOST_LIST_BYTES = 4 * 1024 * 1024;
const MOST_SIGNATURE_BYTES = 1024 * 1024;
/** Whoever may push can add signatures without end. */
const MOST_SIGNATURES = 64;
/** The stand-in for the API is written by clients: cosign puts the type of an empty configuration there. The manifest itself tells, then. */
const UNSAID = ['', 'application/vnd.oci.empty.v1+json'];
/** How registries say that they do not know the referrers API. */
const NO_API = [400, 403, 404, 405];
const PREDICATE_ANNOTATION = 'dev.sigstore.bundle.predicateType';

/**
 * The signatures that a registry has for a manifest, one by one: cosign's tag (`sha256-….sig`) first, then what refers to the manifest
 * (referrers API of distribution-spec 1.1, or its tag where the registry has no such API). Nothing is verified but the bytes' digests.
 */
export async function* findSignatures(
  source: Repository,
  digest: string,
  signal: AbortSignal,
): AsyncGenerator<Signature | UnreadableSignature> {
  let left = MOST_SIGNATURES;
  for await (const manifest of carriers(source, digest, signal)) {
    for (const layer of signatureLayers(manifest.body)) {
      if (left-- === 0)
        throw new GantryError('denied', `${source.endpoint.origin} has more than ${MOST_SIGNATURES} signatures for ${digest}`, {
          hint: 'Remove those that are not needed: cosign clean.',
        });
      yield await fetchSignature(source, manifest.digest, layer, signal);
    }
  }
}

/** The manifests that may carry signatures. */
async function* carriers(source: Repository, digest: string, signal: AbortSignal): AsyncGenerator<Manifest> {
  const tagged = await orNothing(source.getManifest(`${digest.replace(':', '-')}.sig`, signal));
  if (tagged) yield tagged;
  const list = await referrers(source, digest, signal);
  for (const entry of list.slice(0, MOST_SIGNATURES + 1)) {
    const manifest = entry === tagged?.digest ? undefined : await orNothing(source.getManifest(entry, signal));
    if (manifest) yield manifest;
  }
}

async function referrers(source: Repository, digest: string, signal: AbortSignal): Promise<string[]> {
  const accept = { accept: MEDIA.ociIndex };
  const reply = await source.call(`referrers/${digest}`, { method: 'GET', headers: accept, expect: [200, ...NO_API], signal });
  let body: Buffer | undefined;
  if (reply.status === 200) body = await readBody(reply, MOST_LIST_BYTES);
  else {
    reply.body.resume();
    body = (await orNothing(source.getManifest(digest.replace(':', '-'), signal)))?.body;
  }
  return body === undefined ? [] : signatureReferrers(body, source.endpoint.origin);
}

/** Digests in an index of referrers that are signatures by their type, and do not say themselves that they attest something else. */
function signatureReferrers(body: Buffer, origin: string): string[] {
  let list: unknown;
  try {
    list = (JSON.parse(body.toString('utf8')) as { manifests?: unknown } | null)?.manifests;
  } catch (cause) {
    throw new GantryError('unavailable', `${origin} sent a list of referrers that is not JSON`, { cause });
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: { artifactType?: unknown; digest?: unknown; annotations?: Record<string, unknown> | null } | null) => {
    const { artifactType, digest, annotations } = entry ?? {};
    const type = typeof artifactType === 'string' ? artifactType : '';
    const signature = UNSAID.includes(type) || type === SIGNATURE_CONFIG || BUNDLE.test(type);
    const predicate = annotations?.[PREDICATE_ANNOTATION] ?? SIGN_PREDICATE;
    return signature && predicate === SIGN_PREDICATE && typeof digest === 'string' && isDigest(digest) ? [digest] : [];
  });
}

async function fetchSignature(
  source: Repository,
  manifest: string,
  layer: SignatureLayer,
  signal: AbortSignal,
): Promise<Signature | UnreadableSignature> {
  const form = BUNDLE.test(layer.mediaType) ? 'signature bundle' : 'simple signature';
  if (!isDigest(layer.digest) || layer.size > MOST_SIGNATURE_BYTES)
    return { manifest, form, unreadable: `has a payload that is not of at most ${MOST_SIGNATURE_BYTES} bytes with a SHA-256 digest` };
  const blob = await orNothing(source.openBlob(layer.digest, 0, signal));
  const bytes = blob && (await readBody(blob, MOST_SIGNATURE_BYTES));
  if (!bytes || sha256Digest(bytes) !== layer.digest) return { manifest, form, unreadable: 'has a payload that is missing or damaged' };
  return readSignature(manifest, layer, bytes);
}

/** What the registry does not have is no failure: there may be other signatures. */
async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isKind(error, 'notFound')) return undefined;
    throw error;
  }
}
