import { conflict, GantryError, isKind } from '../../base/index.ts';
import type { Artifact, Attached } from '../images.ts';
import { formatReference, type Reference } from '../reference.ts';
import { choosePlatform, MEDIA, parseManifest, sha256Digest } from './manifest.ts';
import { hostPlatform } from './platform.ts';
import type { Manifest, Repository } from './repository.ts';
import { hasBlob, uploadBytes } from './upload.ts';

/** What a manifest has for a configuration that has none (image-spec, "Guidance for an Empty Descriptor"). */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', data: Buffer.from('{}') };

/**
 * Keeps a document at a registry, as being about the image that `reference` stands for there (image-spec 1.1, `subject`). Fails with
 * `conflict` when that is not the image `imageId`: the document would be about something else.
 */
export async function attachArtifact(
  target: Repository,
  reference: Reference,
  imageId: string,
  artifact: Artifact,
  signal: AbortSignal,
): Promise<Attached> {
  const subject = await subjectOf(target, reference, imageId, signal);
  for (const data of [EMPTY.data, artifact.data]) {
    const digest = sha256Digest(data);
    if (!(await hasBlob(target, digest, signal))) await uploadBytes(target, data, digest, signal);
  }
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MEDIA.ociManifest, artifactType: artifact.type },
      config: descriptor(EMPTY.mediaType, EMPTY.data),
      layers: [descriptor(artifact.type, artifact.data)],
      subject: descriptor(subject.contentType, subject.body),
      annotations: { 'org.opencontainers.image.created': artifact.created },
    }),
  );
  const digest = sha256Digest(manifest);
  const known = await put(target, digest, MEDIA.ociManifest, manifest, signal);
  const entry = { ...descriptor(MEDIA.ociManifest, manifest), artifactType: artifact.type };
  if (!known) await addToList(target, subject.digest.replace(':', '-'), entry, signal);
  return { digest, subject: subject.digest };
}

const descriptor = (mediaType: string, data: Uint8Array) => ({ mediaType, digest: sha256Digest(data), size: data.length });

/** The manifest of the image itself, also where the name stands for an index. */
async function subjectOf(target: Repository, reference: Reference, imageId: string, signal: AbortSignal): Promise<Manifest> {
  const shown = formatReference(reference);
  let manifest = await target.getManifest(reference.digest ?? reference.tag ?? 'latest', signal);
  const top = parseManifest(shown, manifest.body, manifest.contentType);
  if (top.kind === 'index') manifest = await target.getManifest(choosePlatform(shown, top, hostPlatform()).digest, signal);
  const image = parseManifest(shown, manifest.body, manifest.contentType);
  if (image.kind === 'image' && image.config.digest === imageId) return manifest;
  throw conflict(`The registry has another image under ${shown} than this engine`, 'Push it first, or pull what the registry has.');
}

/** True when the registry keeps the list of what refers to a manifest itself (distribution-spec 1.1, header OCI-Subject). */
async function put(target: Repository, name: string, mediaType: string, body: Uint8Array, signal: AbortSignal): Promise<boolean> {
  const headers = { 'content-type': mediaType };
  const response = await target.call(`manifests/${name}`, { method: 'PUT', headers, body, expect: [201, 200], signal });
  response.body.resume();
  return response.headers['oci-subject'] !== undefined;
}

/** Other registries have a tag for that list, which clients tend (distribution-spec 1.1, "Referrers Tag Schema"). */
async function addToList(target: Repository, tag: string, entry: object, signal: AbortSignal): Promise<void> {
  const before = await target.getManifest(tag, signal).catch((error: unknown) => {
    if (isKind(error, 'notFound')) return undefined;
    throw error;
  });
  const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [...(before ? entriesOf(before, target.name) : []), entry] };
  await put(target, tag, MEDIA.ociIndex, Buffer.from(JSON.stringify(index)), signal);
}

/** As they are, with what we know nothing of. */
function entriesOf(index: Manifest, name: string): unknown[] {
  try {
    const { manifests } = JSON.parse(index.body.toString('utf8')) as { manifests?: unknown };
    if (Array.isArray(manifests)) return manifests;
  } catch {
    // Told below.
  }
  throw new GantryError('unavailable', `${name} has a list of referrers that is none`);
}
