import { invalid } from '../../base/index.ts';
import { formatReference, parseReference, withDefaultTag } from '../reference.ts';
import { type Described, isObject, parseDocument, parseObject, type Unpacked } from './described.ts';
import { hostPlatform } from './import.ts';

interface ManifestEntry {
  Config?: unknown;
  RepoTags?: unknown;
  Layers?: unknown;
}

/** The images of a docker-archive: its manifest.json lists them. */
export function readManifestList(unpacked: Unpacked): Described[] {
  const list = parseDocument(unpacked.documents.get('manifest.json') ?? Buffer.alloc(0), 'manifest.json');
  if (!Array.isArray(list)) throw invalid('manifest.json is not a list');
  return list.map((entry: ManifestEntry) => {
    if (!isObject(entry)) throw invalid('manifest.json has an entry that is not an object');
    const config = typeof entry.Config === 'string' ? unpacked.documents.get(entry.Config) : undefined;
    if (!config) throw invalid(`the archive has no configuration ${String(entry.Config)}`);
    if (!isTexts(entry.Layers)) throw invalid('manifest.json names no layers');
    const tags = entry.RepoTags ?? [];
    if (!isTexts(tags)) throw invalid('manifest.json has names that are not texts');
    return { config, names: tags.map((tag) => formatReference(withDefaultTag(parseReference(tag)))), layers: entry.Layers };
  });
}

interface Descriptor {
  mediaType?: string;
  digest?: string;
  platform?: { os?: string; architecture?: string };
  annotations?: Record<string, string>;
}

/** The images of an OCI layout: its index.json names manifests, or indexes of manifests by platform. */
export function readIndex(unpacked: Unpacked): Described[] {
  const index = unpacked.documents.get('index.json');
  if (!index) throw invalid('the archive has neither manifest.json nor index.json: it is not an image archive');
  return descriptorsOf(index, 'index.json').flatMap((descriptor) => describe(unpacked, descriptor, 0));
}

function describe(unpacked: Unpacked, descriptor: Descriptor, depth: number): Described[] {
  if (depth > 3) throw invalid('the indexes of the archive are nested too deeply');
  const data = documentOf(unpacked, descriptor.digest);
  const document = parseObject(data, `manifest ${descriptor.digest}`);
  if (Array.isArray(document['manifests'])) {
    const chosen = choose(descriptorsOf(data, String(descriptor.digest)));
    return describe(unpacked, { ...chosen, annotations: { ...chosen.annotations, ...descriptor.annotations } }, depth + 1);
  }
  const { config, layers } = document;
  if (!isObject(config) || !Array.isArray(layers) || !layers.every(isObject))
    throw invalid(`manifest ${descriptor.digest} has no configuration or no layers`);
  return [
    {
      config: documentOf(unpacked, config['digest']),
      names: namesOf(descriptor.annotations ?? {}),
      layers: layers.map((layer) => blobName(layer['digest'])),
    },
  ];
}

function choose(descriptors: Descriptor[]): Descriptor {
  const { os, architecture } = hostPlatform();
  const fitting =
    descriptors.find((d) => d.platform?.os === os && d.platform?.architecture === architecture) ??
    (descriptors.length === 1 ? descriptors[0] : undefined);
  if (!fitting) throw invalid(`the archive has no image for ${os}/${architecture}`);
  return fitting;
}

/** containerd's annotation has the whole name; the specification's has it only sometimes, else just a tag without a name. */
function namesOf(annotations: Record<string, string>): string[] {
  const whole = annotations['io.containerd.image.name'];
  const reference = annotations['org.opencontainers.image.ref.name'];
  const name = whole ?? (reference?.includes('/') || reference?.includes(':') ? reference : undefined);
  return name === undefined ? [] : [formatReference(withDefaultTag(parseReference(name)))];
}

function descriptorsOf(data: Buffer, what: string): Descriptor[] {
  const { manifests } = parseObject(data, what);
  if (!Array.isArray(manifests) || !manifests.every(isObject)) throw invalid(`${what} has no list of manifests`);
  return manifests;
}

function documentOf(unpacked: Unpacked, digest: unknown): Buffer {
  const document = unpacked.documents.get(blobName(digest));
  if (!document) throw invalid(`the archive has no blob ${digest}`);
  return document;
}

function blobName(digest: unknown): string {
  const match = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(digest) : null;
  if (!match) throw invalid(`the archive names an invalid digest ${JSON.stringify(digest)}`);
  return `blobs/sha256/${match[1]}`;
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((v) => typeof v === 'string');
