import type { Engine } from '../../../engine/index.ts';
import type { ImageRecord } from '../../../model/index.ts';
import { type Filters, matchesLabels } from './filters.ts';
import { compilePattern } from './pattern.ts';
import { parseTimestamp } from './timestamps.ts';

export const IMAGE_FILTERS = ['dangling', 'label', 'label!', 'before', 'since', 'until', 'reference'];

export function imageFilter(filters: Filters, engine: Engine, now: number): (image: ImageRecord) => boolean {
  const dangling = filters.boolean('dangling');
  const created = (name: string) => filters.get(name).map((reference) => Date.parse(engine.images.get(reference).created));
  const before = created('before');
  const since = created('since');
  const until = filters.get('until').map((value) => Number(parseTimestamp('until', value, now) / 1_000_000n));
  const parents = parentsOf(engine.images.list());
  const references = filters.get('reference').map(referenceTest);
  return (image) => {
    const time = Date.parse(image.created);
    return (
      (dangling === undefined || (isDangling(image) && !parents.has(image.id)) === dangling) &&
      matchesLabels(filters, image.config.labels) &&
      before.every((limit) => time < limit) &&
      since.every((limit) => time > limit) &&
      until.every((limit) => time < limit) &&
      (references.length === 0 || references.some((matches) => [...image.tags, ...image.digests].some(matches)))
    );
  };
}

/** The image with only the names that a `reference` filter asks for: an image is not shown by its other names then. */
export function withMatchingNames(image: ImageRecord, filters: Filters): ImageRecord {
  const tests = filters.get('reference').map(referenceTest);
  if (tests.length === 0) return image;
  const asked = (name: string) => tests.some((matches) => matches(name));
  return { ...image, tags: image.tags.filter(asked), digests: image.digests.filter(asked) };
}

/** Ids of images that others were made from. */
export function parentsOf(images: readonly ImageRecord[]): Set<string | undefined> {
  return new Set(images.map((image) => image.parent));
}

/** An image without a name: nobody will ask for it. */
export function isDangling(image: ImageRecord): boolean {
  return image.tags.length === 0 && image.digests.length === 0;
}

/** A shell pattern against `name:tag` or the name alone, with and without the registry's host; `*` stays within one part of the path. */
export function referenceTest(pattern: string): (name: string) => boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  const test = compilePattern('reference', `^${source}$`);
  return (name) => {
    const bare = name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
    return test(name) || test(bare) || test(`docker.io/${bare}`) || test(`docker.io/${name}`);
  };
}
