import type { Clock, KeyedQueue } from '../../base/index.ts';
import type { Catalog, LinkRow } from '../catalog/catalog.ts';
import { RegistryError } from '../errors.ts';
import { parseDigest } from '../names.ts';
import type { RegistryEvent, StoredBlob } from '../registry.ts';
import type { BlobFiles } from '../storage/blob-files.ts';
import type { Arrivals } from './arrivals.ts';

export interface LocalParts {
  clock: Clock;
  catalog: Catalog;
  files: BlobFiles;
  arrivals: Arrivals;
  /** Changes of one repository happen one after the other. */
  queue: KeyedQueue;
  onEvent: (event: RegistryEvent) => void;
}

/** Which repository sees which blob. */
export class LocalBlobs {
  readonly #parts: LocalParts;

  constructor(parts: LocalParts) {
    this.#parts = parts;
  }

  get(repository: string, digest: string): StoredBlob {
    const { catalog, clock, files } = this.#parts;
    const { size } = this.#link(repository, digest);
    catalog.touch(repository, digest, clock.now());
    return { digest, size, open: (start, end, signal) => files.open(digest, start, end, signal) };
  }

  delete(repository: string, digest: string): Promise<void> {
    const { catalog, queue, onEvent } = this.#parts;
    return queue.run(repository, async () => {
      const link = this.#link(repository, digest);
      const manifests = [...(catalog.repositories.get(repository)?.manifests.values() ?? [])];
      const user = manifests.find((manifest) => manifest.needs.includes(digest));
      if (user)
        throw new RegistryError('DENIED', `the blob ${digest} cannot be deleted: the manifest ${user.digest} of ${repository} needs it`, {
          manifest: user.digest,
        });
      await catalog.unlink(link);
      await this.discard(digest);
      onEvent({ action: 'delete', kind: 'blob', repository, digest, size: link.size });
    });
  }

  mount(repository: string, from: string, digest: string): Promise<boolean> {
    parseDigest(digest);
    const { catalog, arrivals, queue } = this.#parts;
    return queue.run(repository, async () => {
      const source = catalog.repositories.get(from)?.links.get(digest);
      if (!source) return false;
      await arrivals.during(digest, () => this.#newLink(repository, digest, source.size));
      return true;
    });
  }

  /** Takes an uploaded file, whose digest was verified, into the repository. */
  keep(repository: string, digest: string, size: number, path: string): Promise<void> {
    const { catalog, files, arrivals, queue } = this.#parts;
    return queue.run(repository, () =>
      arrivals.during(digest, async () => {
        catalog.ledger.check(repository, digest, size);
        files.adopt(digest, path);
        await this.#newLink(repository, digest, size);
      }),
    );
  }

  /** Frees the file unless somebody has it, or is about to. Between the question and the act nothing else runs. */
  async discard(digest: string): Promise<void> {
    const { catalog, files, arrivals } = this.#parts;
    if (!catalog.isHeld(digest) && !arrivals.has(digest)) await files.discard(digest);
  }

  async #newLink(repository: string, digest: string, size: number): Promise<void> {
    const { catalog, clock, onEvent } = this.#parts;
    catalog.ledger.check(repository, digest, size);
    const row: LinkRow = { repository, digest, size, linkedAt: clock.now() };
    await catalog.link(row);
    onEvent({ action: 'push', kind: 'blob', repository, digest, size });
  }

  #link(repository: string, digest: string): LinkRow {
    parseDigest(digest);
    const link = this.#parts.catalog.repositories.get(repository)?.links.get(digest);
    if (!link) throw new RegistryError('BLOB_UNKNOWN', `the repository ${repository} has no blob ${digest}`, { name: repository, digest });
    return link;
  }
}
