import { RegistryError } from '../errors.ts';
import { tryParseDigest } from '../names.ts';

/** Docker's schema 2 and OCI image-spec 1.1, and no other: what they name can be checked. */
const IMAGES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
/** Layers that their makers keep elsewhere: nobody has to push them. */
const FOREIGN = /\.foreign\.|\.nondistributable\./;

const MOST_ENTRIES = 5000;

export const MANIFEST_LIMIT = 4 * 1024 * 1024;
export const isIndex = (mediaType: string): boolean => INDEXES.includes(mediaType);

export interface Pointer {
  digest: string;
  size: number;
  mediaType: string;
}

/** What a manifest says about others, after every field was looked at. */
export interface ManifestDocument {
  mediaType: string;
  /** Configuration and layers. */
  blobs: Pointer[];
  /** Entries of an index. */
  manifests: (Pointer & { platform?: { os?: string; architecture?: string } })[];
  subject?: string;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Fails with MANIFEST_INVALID and a sentence that names the field. `contentType` is what the client said it sends. */
export function parseManifest(data: Buffer, contentType: string): ManifestDocument {
  const said = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const value = parseObject(data);
  if (value['schemaVersion'] === 1 || SCHEMA_1.test(said))
    throw new RegistryError('MANIFEST_INVALID', 'manifests of Docker schema 1 are not supported: push schema 2 or OCI', {
      mediaType: said,
    });
  if (value['schemaVersion'] !== 2) throw broken('schemaVersion must be 2', value['schemaVersion']);
  const inside = value['mediaType'];
  if (inside !== undefined && typeof inside !== 'string') throw broken('mediaType must be text', inside);
  const mediaType = inside ?? said;
  if (said !== '' && said !== mediaType) throw broken(`mediaType is ${mediaType}, but the Content-Type says ${said}`);
  const image = IMAGES.includes(mediaType);
  if (!image && !isIndex(mediaType)) throw broken(`the media type '${mediaType}' is not one of ${[...IMAGES, ...INDEXES].join(', ')}`);
  const document = image ? parseImage(value) : parseIndex(value);
  const subject =
    value['subject'] === undefined || value['subject'] === null ? undefined : parsePointer(value['subject'], 'subject').digest;
  const annotations = parseAnnotations(value['annotations']);
  const artifactType = parseText(value['artifactType'], 'artifactType') ?? document.artifactType;
  return {
    mediaType,
    blobs: document.blobs,
    manifests: document.manifests,
    ...(subject === undefined ? {} : { subject }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

type Parts = Pick<ManifestDocument, 'blobs' | 'manifests' | 'artifactType'>;

function parseImage(value: Record<string, unknown>): Parts {
  if (value['manifests'] !== undefined) throw broken('an image manifest has no manifests');
  const config = parsePointer(value['config'], 'config');
  const layers = parseList(value['layers'], 'layers').map((entry, i) => ({
    ...parsePointer(entry, `layers[${i}]`),
    foreign: isObject(entry) && (Array.isArray(entry['urls']) || FOREIGN.test(String(entry['mediaType']))),
  }));
  const blobs = [config, ...layers.filter((layer) => !layer.foreign).map(({ digest, size, mediaType }) => ({ digest, size, mediaType }))];
  // Without an artifactType of its own, the kind of the configuration tells what the artifact is (image-spec, manifest.md).
  return { blobs, manifests: [], artifactType: config.mediaType };
}

function parseIndex(value: Record<string, unknown>): Parts {
  if (value['layers'] !== undefined || value['config'] !== undefined) throw broken('an index has neither config nor layers');
  const manifests = parseList(value['manifests'], 'manifests').map((entry, i) => {
    const platform = isObject(entry) && isObject(entry['platform']) ? entry['platform'] : undefined;
    const pointer = parsePointer(entry, `manifests[${i}]`);
    return platform ? { ...pointer, platform: { os: String(platform['os']), architecture: String(platform['architecture']) } } : pointer;
  });
  return { blobs: [], manifests };
}

function parsePointer(value: unknown, field: string): Pointer {
  if (!isObject(value)) throw broken(`${field} is missing`, value);
  const { digest, size, mediaType = '' } = value;
  if (typeof digest !== 'string' || !tryParseDigest(digest)) throw broken(`${field}.digest is not a sha256 or sha512 digest`, digest);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw broken(`${field}.size is not a number of bytes`, size);
  if (typeof mediaType !== 'string') throw broken(`${field}.mediaType is not text`, mediaType);
  return { digest, size, mediaType };
}

function parseList(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value) || value.length > MOST_ENTRIES) throw broken(`${field} is not a list of at most ${MOST_ENTRIES}`);
  return value;
}

function parseText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw broken(`${field} is not text`, value);
  return value;
}

function parseAnnotations(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === 'string'))
    throw broken('annotations are not texts under names', value);
  return value as Record<string, string>;
}

function parseObject(data: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (error) {
    throw broken(`it is not JSON (${error instanceof Error ? error.message.slice(0, 100) : String(error)})`);
  }
  if (!isObject(value)) throw broken('it is not a JSON object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function broken(why: string, found?: unknown): RegistryError {
  const text = found === undefined ? undefined : JSON.stringify(found)?.slice(0, 200);
  return new RegistryError('MANIFEST_INVALID', `the manifest is not valid: ${why}`, text === undefined ? {} : { found: text });
}
