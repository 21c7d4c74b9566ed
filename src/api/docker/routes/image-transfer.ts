import type { Writable } from 'node:stream';
import { invalid, unsupported } from '../../../base/index.ts';
import type { ImageRecord } from '../../../model/index.ts';
import { type AddRoute, type Call, flag, type Parts, parameter, text } from '../call.ts';
import { checkPlatforms, decodePlatforms } from '../decode/platform.ts';
import { decodeRegistryAuth } from '../decode/registry-auth.ts';
import { ProgressStream } from '../streams/progress.ts';

/** Images' ways in and out: pull, push, import, load, save. */
export function imageTransferRoutes(add: AddRoute, parts: Parts): void {
  add('POST', '/images/create', (call) => (call.query.has('fromSrc') ? importImage(call, parts) : pull(call, parts)));
  add('POST', '/images/*name/push', (call) => push(call, parts));
  add('GET', '/distribution/*name/json', (call) => lookUp(call, parts));
  add('POST', '/images/load', (call) => load(call, parts));
  add('GET', '/images/get', (call) =>
    save(
      call,
      parts,
      call.query.getAll('names').flatMap((names) => names.split(',')),
    ),
  );
  add('GET', '/images/*name/get', (call) => save(call, parts, [parameter(call, 'name')]));
}

/** `name` with the tag or digest of the query; a name alone stands for all its tags, as Docker documents. */
export function referenceOf(name: string, tag: string | undefined): string {
  if (tag === undefined) return name;
  return tag.includes(':') ? `${withoutTag(name)}@${tag}` : `${withoutTag(name)}:${tag}`;
}

function withoutTag(name: string): string {
  return name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

async function pull(call: Call, parts: Parts): Promise<void> {
  const name = text(call, 'fromImage');
  if (name === undefined) throw invalid('the query parameter fromImage or fromSrc must be given');
  const reference = referenceOf(name, text(call, 'tag'));
  const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
  const platform = text(call, 'platform');
  const stream = new ProgressStream(call.exchange, parts.clock);
  await stream.run(async () => {
    await parts.engine.images.pull(reference, {
      progress: stream.progress,
      signal: call.exchange.signal,
      ...(reference === withoutTag(reference) ? { allTags: true } : {}),
      ...(credentials ? { credentials } : {}),
      ...(platform === undefined ? {} : { platform }),
    });
  });
}

/** What a registry has, without pulling it: `docker buildx` asks for the digest of what it had pushed. */
async function lookUp(call: Call, parts: Parts): Promise<void> {
  const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
  const { mediaType, digest, size, platforms } = await parts.engine.images.lookUp(parameter(call, 'name'), {
    signal: call.exchange.signal,
    ...(credentials ? { credentials } : {}),
  });
  call.exchange.sendJson(200, { Descriptor: { mediaType, digest, size }, Platforms: platforms });
}

async function push(call: Call, parts: Parts): Promise<void> {
  const reference = referenceOf(parameter(call, 'name'), text(call, 'tag'));
  const platforms = decodePlatforms(call, 'platform');
  if (platforms.length > 0) checkPlatforms(parts.engine.images.get(reference), reference, platforms);
  const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
  const stream = new ProgressStream(call.exchange, parts.clock);
  await stream.run(async () => {
    await parts.engine.images.push(reference, {
      progress: stream.progress,
      signal: call.exchange.signal,
      ...(reference === withoutTag(reference) ? { allTags: true } : {}),
      ...(credentials ? { credentials } : {}),
    });
  });
}

async function importImage(call: Call, parts: Parts): Promise<void> {
  const source = text(call, 'fromSrc') ?? '';
  if (source !== '-')
    throw unsupported(`import from the URL '${source}' is not supported`, 'Fetch the file and send it: docker import FILE.');
  const repository = text(call, 'repo');
  const platform = text(call, 'platform');
  const stream = new ProgressStream(call.exchange, parts.clock);
  await stream.run(async () => {
    const image = await parts.engine.images.import(call.exchange.upload(), {
      message: text(call, 'message') ?? 'Imported from -',
      version: parts.build.version,
      changes: call.query.getAll('changes'),
      signal: call.exchange.signal,
      ...(repository === undefined ? {} : { reference: referenceOf(repository, text(call, 'tag')) }),
      ...(platform === undefined ? {} : { platform }),
    });
    stream.message({ status: image.id });
  });
}

async function load(call: Call, parts: Parts): Promise<void> {
  const platforms = decodePlatforms(call, 'platform');
  const quiet = flag(call, 'quiet', true);
  const stream = new ProgressStream(call.exchange, parts.clock, quiet);
  await stream.run(async () => {
    const loaded = await parts.engine.images.load(call.exchange.upload(), {
      progress: stream.progress,
      platforms,
      signal: call.exchange.signal,
      moved: (name, imageId) =>
        stream.message({ stream: `The image ${name} already exists, renaming the old one with ID ${imageId} to empty string\n` }),
    });
    for (const name of loaded)
      stream.message({ stream: name.startsWith('sha256:') ? `Loaded image ID: ${name}\n` : `Loaded image: ${name}\n` });
  });
}

async function save(call: Call, parts: Parts, names: string[]): Promise<void> {
  const references = names.filter((name) => name !== '');
  if (references.length === 0) throw invalid('the query parameter names must be given: no image to save');
  const platforms = decodePlatforms(call, 'platform');
  let response: Writable | undefined;
  // Not before all images were found: one that is not there gets its own status.
  const output = () => {
    response = call.exchange.stream(200, 'application/x-tar');
    return response;
  };
  const fits = (image: ImageRecord, reference: string) => checkPlatforms(image, reference, platforms);
  await parts.engine.images.save(references, output, { fits, signal: call.exchange.signal });
  if (response && !response.writableEnded) response.end();
}
