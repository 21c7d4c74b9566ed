import { conflict } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { ImageUse } from '../images.ts';
import { formatReference, parseReference, repositoryOf, withDefaultTag } from '../reference.ts';

/** What a removal does: names to take away, in order, and whether the image itself goes. */
export interface RemovalPlan {
  untag: string[];
  remove: boolean;
}

export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
const repository = (name: string) => repositoryOf(parseReference(name));
const isDigestName = (name: string) => name.includes('@');

/**
 * Docker's rules for `rmi` (moby, daemon/images/image_delete.go, behaviour as observed): a name goes first; the image follows when that was its last one.
 * Throws `conflict` in Docker's words when a container stands in the way.
 */
export function planRemoval(
  image: ImageRecord,
  reference: string,
  options: { force: boolean; uses: readonly ImageUse[]; hasChildren: boolean },
): RemovalPlan {
  const { force, uses, hasChildren } = options;
  const names = [...image.tags, ...image.digests];
  if (isIdOf(image, reference)) {
    if (!isSingleReference(names) && !force) throw unable(image, 'must be forced', 'image is referenced in multiple repositories');
    refuseWhenUsed(image, force, uses);
    if (hasChildren && !force) throw unable(image, 'cannot be forced', 'image has dependent child images');
    return { untag: names, remove: !hasChildren };
  }
  const name = shownName(reference);
  const [user] = uses;
  if (!force && user && isSingleReference(names)) {
    throw conflict(
      `conflict: unable to remove repository reference "${reference}" (must force) - container ${shortId(user.containerId)} is using its referenced image ${shortId(image.id)}`,
    );
  }
  const untag = [name, ...orphanedDigests(names, name)];
  if (names.some((other) => !untag.includes(other))) return { untag, remove: false };
  // Images were made from it: it stays below them, without a name.
  if (hasChildren) return { untag, remove: false };
  // The last name went by force: a container keeps the image, but not its name.
  return { untag, remove: uses.length === 0 || (force && !uses.some((use) => use.running)) };
}

function isIdOf(image: ImageRecord, reference: string): boolean {
  const fits = image.id.startsWith(reference) || image.id.slice('sha256:'.length).startsWith(reference);
  return fits && ![...image.tags, ...image.digests].includes(shownName(reference));
}

function shownName(reference: string): string {
  try {
    const { tag, ...name } = withDefaultTag(parseReference(reference));
    return formatReference(name.digest === undefined ? { ...name, ...(tag === undefined ? {} : { tag }) } : name);
  } catch {
    return reference;
  }
}

/** Digest names of the same repository mean nothing to people once its last tag is gone. */
function orphanedDigests(names: readonly string[], removed: string): string[] {
  if (isDigestName(removed)) return [];
  const same = names.filter((name) => name !== removed && repository(name) === repository(removed));
  return same.some((name) => !isDigestName(name)) ? [] : same;
}

/** At most one tag, and all names within one repository. */
function isSingleReference(names: readonly string[]): boolean {
  if (names.length <= 1) return true;
  return names.filter((name) => !isDigestName(name)).length <= 1 && new Set(names.map(repository)).size === 1;
}

function refuseWhenUsed(image: ImageRecord, force: boolean, uses: readonly ImageUse[]): void {
  const running = uses.find((use) => use.running);
  if (running) throw unable(image, 'cannot be forced', `image is being used by running container ${shortId(running.containerId)}`);
  const [stopped] = uses;
  if (stopped && !force) throw unable(image, 'must be forced', `image is being used by stopped container ${shortId(stopped.containerId)}`);
}

function unable(image: ImageRecord, how: string, why: string) {
  return conflict(`conflict: unable to delete ${shortId(image.id)} (${how}) - ${why}`);
}
