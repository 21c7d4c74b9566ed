import { isIndex, MANIFEST_LIMIT, parseReference, RegistryError, type StoredManifest, type TagGuard } from '../../registry/index.ts';
import type { Call } from './call.ts';

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** GET and HEAD. The client says which kinds it understands; another kind is as good as none. */
export async function getManifest(call: Call, repository: string, reference: string): Promise<void> {
  await call.permit({ action: 'pull', repository });
  const { exchange } = call;
  const accepted = acceptedTypes(exchange.request.headers.accept);
  let found = await call.registry.manifest(repository, reference);
  if (!accepts(accepted, found.mediaType)) found = await substitute(call, repository, found, accepted);
  const { digest, mediaType, data } = found;
  const headers = ['Docker-Content-Digest', digest, 'ETag', `"${digest}"`];
  if (exchange.request.headers['if-none-match']?.includes(digest)) return exchange.sendEmpty(304, headers);
  exchange.send(200, data, mediaType, headers);
}

/** For clients that know no indexes: the entry for the platform that such clients run on. */
async function substitute(call: Call, repository: string, index: StoredManifest, accepted: string[]): Promise<StoredManifest> {
  if (isIndex(index.mediaType)) {
    const { manifests } = JSON.parse(index.data.toString()) as {
      manifests: { digest: string; mediaType: string; platform?: { os?: string; architecture?: string } }[];
    };
    const entry = manifests.find(
      (one) => one.platform?.os === 'linux' && one.platform.architecture === 'amd64' && accepts(accepted, one.mediaType),
    );
    if (entry) return await call.registry.manifest(repository, entry.digest);
  }
  throw new RegistryError('MANIFEST_UNKNOWN', `the manifest is of the type ${index.mediaType}, which the Accept header leaves out`, {
    mediaType: index.mediaType,
    accepted: accepted.slice(0, 20),
  });
}

function acceptedTypes(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((part) => part.split(';', 1)[0]?.trim().toLowerCase() ?? '')
    .filter((type) => type !== '');
}

const accepts = (accepted: string[], type: string) =>
  accepted.length === 0 || accepted.some((one) => one === type || one === '*/*' || one === 'application/*');

export async function putManifest(call: Call, repository: string, reference: string): Promise<void> {
  const { exchange, registry } = call;
  const parsed = parseReference(reference);
  await call.permit({ action: 'push', repository, ...('tag' in parsed ? { tag: parsed.tag } : {}) });
  const data = await readManifest(call);
  // A tag that moves to another manifest is more than a push: immutable tags refuse it.
  const guard: TagGuard = async (tags) => {
    for (const tag of tags) await call.permit({ action: 'push', repository, tag, overwrite: true });
  };
  const type = exchange.request.headers['content-type'] ?? '';
  const { digest, subject, warnings } = await registry.putManifest(repository, reference, type, data, guard);
  exchange.sendEmpty(201, [
    ...['Location', `/v2/${repository}/manifests/${digest}`, 'Docker-Content-Digest', digest],
    ...(subject === undefined ? [] : ['OCI-Subject', subject]),
    // RFC 7234, 5.5, in the form that the distribution specification asks for.
    ...warnings.flatMap((text) => ['Warning', `299 - "${text}"`]),
  ]);
}

/** Not `body()`: giving up a body that is too large would take the connection with it, and the client would not see why. */
async function readManifest({ exchange }: Call): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of exchange.upload() as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MANIFEST_LIMIT)
      throw new RegistryError('SIZE_INVALID', `the manifest is larger than the limit of ${MANIFEST_LIMIT} bytes`, {
        limit: MANIFEST_LIMIT,
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

export async function deleteManifest(call: Call, repository: string, reference: string): Promise<void> {
  parseReference(reference);
  await call.permit({ action: 'delete', repository });
  await call.registry.deleteManifest(repository, reference, async (tags) => {
    for (const tag of tags) await call.permit({ action: 'delete', repository, tag });
  });
  call.exchange.sendEmpty(202);
}

/** What was pushed about a manifest: signatures, bills of material. An index, also when there is nothing. */
export async function getReferrers(call: Call, repository: string, digest: string): Promise<void> {
  await call.permit({ action: 'pull', repository });
  const wanted = call.exchange.query.get('artifactType') ?? '';
  const all = await call.registry.referrers(repository, digest);
  const manifests = wanted === '' ? all : all.filter((one) => one.artifactType === wanted);
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  call.exchange.send(200, body, OCI_INDEX, wanted === '' ? [] : ['OCI-Filters-Applied', 'artifactType']);
}
