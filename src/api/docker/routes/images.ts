import { invalid } from '../../../base/index.ts';
import type { ImageRecord } from '../../../model/index.ts';
import { type AddRoute, type Call, flag, type Parts, parameter, text } from '../call.ts';
import { checkPlatforms, decodePlatforms } from '../decode/platform.ts';
import { encodeHistory, encodeImage, encodeImageSummary } from '../encode/image.ts';
import { parseFilters } from '../filters/filters.ts';
import { IMAGE_FILTERS, imageFilter, isDangling, parentsOf, withMatchingNames } from '../filters/images.ts';
import { PRUNE_FILTERS, pruneFilter } from '../filters/prune.ts';

/** Images: what is there. Ways in and out are in image-transfer.ts. */
export function imageRoutes(add: AddRoute, parts: Parts): void {
  const { images, imageUse } = parts.engine;
  add('GET', '/images/json', (call) => list(call, parts));
  add('GET', '/images/*name/json', (call) => {
    const agent = call.exchange.request.headers['user-agent'] ?? '';
    // docker-compose 1.29 speaks the newest version and reads a field that went with 1.45 whenever it makes a container anew.
    const minor = agent.startsWith('docker-compose/1.') ? Math.min(call.minor, 44) : call.minor;
    call.exchange.sendJson(200, encodeImage(imageOf(call, parts), minor));
  });
  add('GET', '/images/*name/history', (call) => {
    const known = new Map(images.list().map((image) => [image.id, image]));
    const history = encodeHistory(
      imageOf(call, parts),
      (diffId) => images.layerSize(diffId),
      (id) => known.get(id),
    );
    call.exchange.sendJson(200, history);
  });
  add('POST', '/images/*name/tag', async (call) => {
    const repository = text(call, 'repo');
    if (repository === undefined) throw invalid('invalid reference format: the query parameter repo must be given');
    const tag = text(call, 'tag');
    await images.tag(parameter(call, 'name'), tag === undefined ? repository : `${repository}:${tag}`);
    call.exchange.sendEmpty(201);
  });
  add('DELETE', '/images/*name', async (call) => {
    const platforms = decodePlatforms(call, 'platforms');
    if (platforms.length > 0) checkPlatforms(images.get(parameter(call, 'name')), parameter(call, 'name'), platforms);
    const removed = await imageUse.remove(parameter(call, 'name'), { force: flag(call, 'force'), prune: !flag(call, 'noprune') });
    call.exchange.sendJson(200, removed.map(encodeRemoved));
  });
  add('POST', '/images/prune', (call) => prune(call, parts));
}

/** The image of the path, on the platform of the query. */
function imageOf(call: Call, { engine }: Parts): ImageRecord {
  const reference = parameter(call, 'name');
  const image = engine.images.get(reference);
  checkPlatforms(image, reference, decodePlatforms(call, 'platform'));
  return image;
}

async function list(call: Call, parts: Parts): Promise<void> {
  const { images, imageUse } = parts.engine;
  const filters = parseFilters(text(call, 'filters'), IMAGE_FILTERS);
  const fits = imageFilter(filters, parts.engine, parts.clock.now());
  const sharedSize = flag(call, 'shared-size') ? images.sharedSizes() : undefined;
  const parents = parentsOf(images.list());
  // What only stands below others, without a name, is shown to those who ask for all.
  const hidden = (image: ImageRecord) => isDangling(image) && parents.has(image.id);
  const found = images.list().filter((image) => (flag(call, 'all') || !hidden(image)) && fits(image));
  found.sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
  call.exchange.sendJson(
    200,
    found.map((image) =>
      encodeImageSummary(withMatchingNames(image, filters), call.minor, {
        containers: call.minor >= 51 ? imageUse.usedBy(image.id).length : -1,
        sharedSize: sharedSize?.(image.id) ?? -1,
      }),
    ),
  );
}

/** Without a filter only nameless images go; `dangling=false` takes every unused one. */
async function prune(call: Call, parts: Parts): Promise<void> {
  const filters = parseFilters(text(call, 'filters'), [...PRUNE_FILTERS, 'dangling']);
  const danglingOnly = filters.boolean('dangling') ?? true;
  const fits = pruneFilter(filters, parts.clock.now());
  const { removed, spaceReclaimed } = await parts.engine.imageUse.prune(
    (image) => (!danglingOnly || isDangling(image)) && fits(image.created, image.config.labels),
  );
  call.exchange.sendJson(200, { ImagesDeleted: removed.length > 0 ? removed.map(encodeRemoved) : null, SpaceReclaimed: spaceReclaimed });
}

function encodeRemoved(removed: { untagged?: string; deleted?: string }): Record<string, string> {
  return removed.untagged !== undefined ? { Untagged: removed.untagged } : { Deleted: removed.deleted ?? '' };
}
