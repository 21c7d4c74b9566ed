import { createHash } from 'node:crypto';
import { GantryError, notFound, unsupported } from '../../base/index.ts';
import { formatPlatform, matchPlatform, type Platform } from './platform.ts';

/** Media types of Docker's schema 2 and of OCI (image-spec, media-types.md). */
export const MEDIA = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
} as const;

export const ACCEPTED_MANIFESTS = [MEDIA.ociIndex, MEDIA.dockerList, MEDIA.ociManifest, MEDIA.dockerManifest].join(', ');

/** Points at a blob or a manifest: what it is, how many bytes it has, and their SHA-256. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: Platform;
}

export interface ImageManifest {
  kind: 'image';
  config: Descriptor;
  layers: Descriptor[];
}

export interface ManifestIndex {
  kind: 'index';
  manifests: Descriptor[];
}

const MOST_LAYERS = 1000;
const MOST_MANIFESTS = 5000;
const LAYER_TYPE =
  /^application\/vnd\.(docker\.image\.rootfs\.(foreign\.)?diff\.tar|oci\.image\.layer\.(nondistributable\.)?v1\.tar)([.+](gzip|zstd))?$/;
const CONFIG_TYPES: readonly string[] = [MEDIA.dockerConfig, MEDIA.ociConfig, 'application/octet-stream', ''];

export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A digest that Gantry verifies: SHA-256 in lower-case hexadecimal. */
export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

/**
 * Reads a manifest or an index. `name` is for the messages. Fails with `unsupported` for schema 1 and for what is no
 * image (charts, plug-ins), with `invalid`-like `internal` sentences for what breaks the format.
 */
export function parseManifest(name: string, body: Uint8Array, contentType: string): ImageManifest | ManifestIndex {
  const value = parseObject(name, body);
  if (value['schemaVersion'] === 1 || contentType.includes('docker.distribution.manifest.v1+')) {
    throw unsupported(
      `The manifest of ${name} has the outdated schema 1, which is not supported`,
      'Pull and push it again with a newer tool to get schema 2 or OCI',
    );
  }
  if (value['schemaVersion'] !== 2) throw broken(name, 'schemaVersion is not 2');
  const type = typeof value['mediaType'] === 'string' ? value['mediaType'] : contentType.split(';', 1)[0]?.trim();
  if (type === MEDIA.ociIndex || type === MEDIA.dockerList) return parseIndex(name, value);
  if (type === MEDIA.ociManifest || type === MEDIA.dockerManifest) return parseImage(name, value);
  // Early OCI tools leave mediaType out, and some registries answer with application/json.
  if (Array.isArray(value['manifests']) && value['layers'] === undefined) return parseIndex(name, value);
  if (Array.isArray(value['layers']) && value['manifests'] === undefined) return parseImage(name, value);
  throw unsupported(`The manifest of ${name} has the unknown media type "${type}"`);
}

function parseImage(name: string, value: Record<string, unknown>): ImageManifest {
  const config = parseDescriptor(name, 'config', value['config']);
  if (!CONFIG_TYPES.includes(config.mediaType))
    throw unsupported(`${name} is not a container image: its configuration has the media type "${config.mediaType}"`);
  const list = value['layers'];
  if (!Array.isArray(list) || list.length > MOST_LAYERS) throw broken(name, `layers is not a list of at most ${MOST_LAYERS}`);
  const layers = list.map((entry, i) => parseDescriptor(name, `layers[${i}]`, entry));
  for (const layer of layers) {
    if (layer.mediaType !== '' && !LAYER_TYPE.test(layer.mediaType))
      throw unsupported(`${name} has a layer of the unknown media type "${layer.mediaType}"`);
  }
  return { kind: 'image', config, layers };
}

function parseIndex(name: string, value: Record<string, unknown>): ManifestIndex {
  const list = value['manifests'];
  if (!Array.isArray(list) || list.length > MOST_MANIFESTS) throw broken(name, `manifests is not a list of at most ${MOST_MANIFESTS}`);
  return { kind: 'index', manifests: list.map((entry, i) => parseDescriptor(name, `manifests[${i}]`, entry)) };
}

function parseDescriptor(name: string, field: string, value: unknown): Descriptor {
  if (!isObject(value)) throw broken(name, `${field} is missing`);
  const { mediaType = '', digest, size, platform } = value;
  if (typeof mediaType !== 'string') throw broken(name, `${field}.mediaType is not text`);
  if (!isDigest(digest)) throw broken(name, `${field}.digest is not a SHA-256 digest: ${JSON.stringify(digest)}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw broken(name, `${field}.size is not a number of bytes: ${JSON.stringify(size)}`);
  return { mediaType, digest, size, ...(isObject(platform) ? { platform: parsePlatformField(platform) } : {}) };
}

function parsePlatformField(value: Record<string, unknown>): Platform {
  const text = (key: string) => (typeof value[key] === 'string' ? value[key] : '');
  return { os: text('os'), architecture: text('architecture'), ...(text('variant') ? { variant: text('variant') } : {}) };
}

/** The entry of the index that runs best on `wanted`. Fails with `notFound` and names what there is. */
export function choosePlatform(name: string, index: ManifestIndex, wanted: Platform): Descriptor {
  let best: Descriptor | undefined;
  let bestMatch = 0;
  for (const entry of index.manifests) {
    const match = entry.platform ? matchPlatform(wanted, entry.platform) : 0;
    if (match > bestMatch) [best, bestMatch] = [entry, match];
  }
  // An index of one entry without a platform is an image of whatever its configuration says.
  const only = index.manifests[0];
  if (!best && only && index.manifests.length === 1 && !only.platform) best = only;
  if (best) return best;
  const offered = index.manifests.flatMap((entry) =>
    entry.platform && entry.platform.os !== 'unknown' ? [formatPlatform(entry.platform)] : [],
  );
  throw notFound(
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries of ${name}`,
    `It offers ${offered.slice(0, 20).join(', ') || 'no platform at all'}`,
  );
}

/** The diff ids in a configuration, one for each of the manifest's layers. */
export function parseConfig(name: string, body: Uint8Array, layers: number): { platform: Platform; diffIds: string[] } {
  const value = parseObject(name, body);
  const root = value['rootfs'];
  const diffIds = isObject(root) && Array.isArray(root['diff_ids']) ? root['diff_ids'] : [];
  if (!diffIds.every(isDigest)) throw broken(name, 'its configuration has a diff id that is not a SHA-256 digest');
  if (diffIds.length !== layers) throw broken(name, `its configuration lists ${diffIds.length} layers, its manifest ${layers}`);
  return { platform: parsePlatformField(value), diffIds };
}

function parseObject(name: string, body: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw broken(name, `it is not JSON (${error instanceof Error ? error.message.slice(0, 100) : String(error)})`);
  }
  if (!isObject(value)) throw broken(name, 'it is not a JSON object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const broken = (name: string, why: string) => new GantryError('internal', `The registry sent a broken manifest for ${name}: ${why}`);
