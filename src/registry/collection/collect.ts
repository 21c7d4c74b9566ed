import type { Clock, Log } from '../../base/index.ts';
import type { Catalog, ManifestRow, RepositoryEntry } from '../catalog/catalog.ts';
import type { CollectionOptions, CollectionReport } from '../registry.ts';
import type { BlobFiles } from '../storage/blob-files.ts';
import type { Uploads } from '../storage/uploads.ts';

/** What keeps things that nothing names. Milliseconds. */
export interface Retention {
  /** A blob that a push was told of (uploaded, mounted, found by HEAD) stays this long without a manifest that names it. */
  lease: number;
  /** An upload that nobody feeds stays this long. */
  uploads: number;
  /** A manifest without a tag stays this long; undefined: for ever. Entries of an index, and what is about a manifest, stay with it. */
  untagged: number | undefined;
}

export interface CollectionParts {
  clock: Clock;
  log: Log;
  retention: Retention;
  catalog: Catalog;
  files: BlobFiles;
  uploads: Uploads;
  /** Runs when no other change of the repository does. */
  inTurn: <T>(repository: string, work: () => Promise<T>) => Promise<T>;
  isArriving: (digest: string) => boolean;
  deleteManifest: (row: ManifestRow) => Promise<void>;
}

/**
 * Frees what nothing names, while pushes go on. A push relies on three things: blobs that it was told of (each has a time in the
 * catalog, set anew by every answer that says "it is here"), files whose row is being written (`isArriving`), and its uploads. A
 * lease covers the first, a synchronous look the second, and the file's own time the third.
 */
export async function collect(parts: CollectionParts, { dryRun }: CollectionOptions): Promise<CollectionReport> {
  const { clock, catalog, retention, log } = parts;
  const begun = clock.now();
  const report: CollectionReport = { dryRun, manifests: 0, blobs: 0, uploads: 0, bytes: 0, milliseconds: 0 };
  const going = new Going();
  for (const upload of parts.uploads.abandoned(begun - retention.uploads)) {
    report.uploads += 1;
    report.bytes += upload.bytes;
    if (!dryRun) await upload.drop();
  }
  for (const repository of [...catalog.repositories.keys()]) {
    await parts.inTurn(repository, () => collectRepository(parts, repository, dryRun, report, going));
  }
  report.bytes += going.bytes;
  await sweepFiles(parts, begun, dryRun, report);
  catalog.forgetTouches(begun - retention.lease);
  report.milliseconds = clock.now() - begun;
  log.info(dryRun ? 'collection, dry run' : 'collection', { ...report });
  return report;
}

/** Bytes of what goes: a file goes with the last that holds it. */
class Going {
  readonly #left = new Map<string, number>();
  bytes = 0;

  add(digest: string, size: number, holders: number): void {
    const left = (this.#left.get(digest) ?? holders) - 1;
    this.#left.set(digest, left);
    if (left === 0) this.bytes += size;
  }
}

async function collectRepository(
  parts: CollectionParts,
  repository: string,
  dryRun: boolean,
  report: CollectionReport,
  going: Going,
): Promise<void> {
  const entry = parts.catalog.repositories.get(repository);
  if (!entry) return;
  const now = parts.clock.now();
  const { untagged, lease } = parts.retention;
  const doomed =
    untagged === undefined
      ? new Set<ManifestRow>()
      : doomedManifests(entry, (row) => {
          return row.pushedAt >= now - untagged || parts.catalog.lastTouched(row) >= now - lease;
        });
  for (const row of doomed) {
    report.manifests += 1;
    going.add(row.digest, row.size, parts.catalog.ledger.holders(row.digest));
    if (!dryRun) await parts.deleteManifest(row);
  }
  const needed = new Set([...entry.manifests.values()].filter((row) => !doomed.has(row)).flatMap((row) => row.needs));
  for (const link of [...entry.links.values()]) {
    if (needed.has(link.digest) || parts.catalog.lastTouched(link) >= now - parts.retention.lease) continue;
    report.blobs += 1;
    going.add(link.digest, link.size, parts.catalog.ledger.holders(link.digest));
    if (dryRun) continue;
    await parts.catalog.unlink(link);
    if (!parts.catalog.isHeld(link.digest) && !parts.isArriving(link.digest)) await parts.files.discard(link.digest);
  }
}

/** Manifests without a tag, unless an index that stays names them, or they are about one that stays. */
export function doomedManifests(entry: RepositoryEntry, isYoung: (row: ManifestRow) => boolean): Set<ManifestRow> {
  const tagged = new Set([...entry.tags.values()].map(({ digest }) => digest));
  const staying = new Set<string>();
  const waiting = [...entry.manifests.values()].filter((row) => tagged.has(row.digest) || isYoung(row)).map(({ digest }) => digest);
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    const row = entry.manifests.get(digest);
    if (!row || staying.has(digest)) continue;
    staying.add(digest);
    waiting.push(...row.needs, ...(entry.referrers.get(digest) ?? []));
  }
  return new Set([...entry.manifests.values()].filter((row) => !staying.has(row.digest)));
}

/** Files that no row names: the process was killed between the file and its row. */
async function sweepFiles(parts: CollectionParts, begun: number, dryRun: boolean, report: CollectionReport): Promise<void> {
  for await (const { digest, size, modified } of parts.files.all()) {
    if (modified >= begun - parts.retention.lease || parts.catalog.isHeld(digest) || parts.isArriving(digest)) continue;
    report.blobs += 1;
    report.bytes += size;
    if (!dryRun) await parts.files.discard(digest);
  }
}
