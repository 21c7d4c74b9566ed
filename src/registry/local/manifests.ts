import { createHash } from 'node:crypto';
import type { ManifestRow, RepositoryEntry, TagRow } from '../catalog/catalog.ts';
import { RegistryError } from '../errors.ts';
import { type ManifestDocument, parseManifest } from '../manifests/document.ts';
import { parseDigest, parseReference } from '../names.ts';
import type { PutManifest, Referrer, StoredManifest, TagGuard } from '../registry.ts';
import type { LocalBlobs, LocalParts } from './blobs.ts';

type Reference = { tag: string } | { digest: string };

/** Manifests, the tags that point to them, and what is about them. */
export class LocalManifests {
  readonly #parts: LocalParts;
  readonly #blobs: LocalBlobs;

  constructor(parts: LocalParts, blobs: LocalBlobs) {
    this.#parts = parts;
    this.#blobs = blobs;
  }

  async get(repository: string, reference: string): Promise<StoredManifest> {
    const { catalog, clock, files } = this.#parts;
    const row = this.#row(repository, reference);
    // Whoever finds it here may rely on it in the index that comes next.
    catalog.touch(repository, row.digest, clock.now());
    return { digest: row.digest, mediaType: row.mediaType, data: await files.read(row.digest) };
  }

  referrers(repository: string, digest: string): Referrer[] {
    parseDigest(digest);
    const entry = this.#parts.catalog.repositories.get(repository);
    const rows = [...(entry?.referrers.get(digest) ?? [])].flatMap((one) => entry?.manifests.get(one) ?? []);
    return rows.map(({ mediaType, digest: of, size, artifactType, annotations }) => ({
      mediaType,
      digest: of,
      size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    }));
  }

  put(repository: string, text: string, contentType: string, data: Buffer, guard: TagGuard): Promise<PutManifest> {
    const reference = parseReference(text);
    const { algorithm } = 'digest' in reference ? parseDigest(reference.digest) : { algorithm: 'sha256' };
    const digest = `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;
    if ('digest' in reference && reference.digest !== digest)
      throw new RegistryError('DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference.digest}`, { digest });
    const document = parseManifest(data, contentType);
    return this.#parts.queue.run(repository, () => this.#put(repository, reference, digest, document, data, guard));
  }

  async #put(repository: string, reference: Reference, digest: string, document: ManifestDocument, data: Buffer, guard: TagGuard) {
    const { catalog, clock, onEvent } = this.#parts;
    const tag = 'tag' in reference ? reference.tag : undefined;
    const before = tag === undefined ? undefined : catalog.repositories.get(repository)?.tags.get(tag)?.digest;
    if (tag !== undefined && before !== undefined && before !== digest) await guard([tag]);
    const needs = this.#checkNeeds(repository, document);
    catalog.ledger.check(repository, digest, data.length);
    await this.#write(repository, digest, document, data, needs);
    if (tag !== undefined) await catalog.putTag({ repository, tag, digest, movedAt: clock.now() });
    const { mediaType, subject } = document;
    onEvent({ action: 'push', kind: 'manifest', repository, digest, mediaType, size: data.length, ...(tag === undefined ? {} : { tag }) });
    return { digest, warnings: catalog.ledger.nearlyFull(repository), ...(subject === undefined ? {} : { subject }) };
  }

  async #write(repository: string, digest: string, document: ManifestDocument, data: Buffer, needs: string[]): Promise<void> {
    const { catalog, clock, files, arrivals } = this.#parts;
    const { mediaType, subject, artifactType, annotations } = document;
    await arrivals.during(digest, async () => {
      if (files.size(digest) !== data.length) await files.write(digest, data);
      await catalog.putManifest({
        ...{ repository, digest, mediaType, size: data.length, needs, pushedAt: clock.now() },
        ...(subject === undefined ? {} : { subject }),
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations }),
      });
    });
  }

  /** Digests that the manifest names. Fails with MANIFEST_BLOB_UNKNOWN for one that is not in the repository, all being told. */
  #checkNeeds(repository: string, document: ManifestDocument): string[] {
    const { catalog, clock } = this.#parts;
    const entry = catalog.repositories.get(repository);
    const missing: string[] = [];
    const look = (pointer: { digest: string; size: number }, size: number | undefined) => {
      if (size === undefined) missing.push(pointer.digest);
      else if (size !== pointer.size)
        throw new RegistryError(
          'MANIFEST_INVALID',
          `the manifest says that ${pointer.digest} has ${pointer.size} bytes, but it has ${size}`,
          { digest: pointer.digest, size },
        );
    };
    for (const blob of document.blobs) {
      look(blob, entry?.links.get(blob.digest)?.size);
      catalog.touch(repository, blob.digest, clock.now());
    }
    for (const child of document.manifests) look(child, entry?.manifests.get(child.digest)?.size);
    if (missing.length > 0)
      throw new RegistryError(
        'MANIFEST_BLOB_UNKNOWN',
        `the manifest names what is not in ${repository}: ${missing.slice(0, 5).join(', ')}`,
        {
          missing: missing.slice(0, 100),
        },
      );
    return [...new Set([...document.blobs, ...document.manifests].map(({ digest }) => digest))];
  }

  delete(repository: string, text: string, guard: TagGuard): Promise<void> {
    const { catalog, queue, onEvent } = this.#parts;
    const reference = parseReference(text);
    return queue.run(repository, async () => {
      const row = this.#row(repository, text);
      const { digest, mediaType } = row;
      const tags = [...(this.#entry(repository)?.tags.values() ?? [])];
      const tag = 'tag' in reference ? tags.find((one) => one.tag === reference.tag) : undefined;
      const harmed = tag ? [tag] : this.#tagsThatNeed(repository, digest);
      await guard(harmed.map((one) => one.tag));
      if (tag) await catalog.deleteTag(tag);
      else await this.deleteRow(row);
      const what = tag ? ({ kind: 'tag', tag: tag.tag } as const) : ({ kind: 'manifest' } as const);
      onEvent({ action: 'delete', repository, digest, mediaType, ...what });
    });
  }

  /** Tags of the manifest, and of each index that holds it: without it they would lead nowhere, or to less. */
  #tagsThatNeed(repository: string, digest: string): TagRow[] {
    const entry = this.#entry(repository);
    const needing = new Set([digest]);
    for (const one of needing) {
      for (const row of entry?.manifests.values() ?? []) if (row.needs.includes(one)) needing.add(row.digest);
    }
    return [...(entry?.tags.values() ?? [])].filter((tag) => needing.has(tag.digest));
  }

  async deleteRow(row: ManifestRow): Promise<void> {
    await this.#parts.catalog.deleteManifest(row);
    await this.#blobs.discard(row.digest);
  }

  #entry(repository: string): RepositoryEntry | undefined {
    return this.#parts.catalog.repositories.get(repository);
  }

  #row(repository: string, text: string): ManifestRow {
    const reference = parseReference(text);
    const entry = this.#entry(repository);
    const digest = 'tag' in reference ? entry?.tags.get(reference.tag)?.digest : reference.digest;
    const row = digest === undefined ? undefined : entry?.manifests.get(digest);
    if (row) return row;
    const what = 'tag' in reference ? `tag ${reference.tag}` : `manifest ${reference.digest}`;
    throw new RegistryError('MANIFEST_UNKNOWN', `the repository ${repository} has no ${what}`, { name: repository, reference: text });
  }
}
