import { RegistryError } from '../errors.ts';
import type { Quotas } from '../registry.ts';

interface Scope {
  limit: number | undefined;
  used: number;
  /** How many repositories of the scope hold a digest: each is counted once. */
  holders: Map<string, number>;
  /** Bytes of uploads on their way. */
  pending: number;
}

/** Share of a limit from which on pushes are warned. */
const NEARLY = 0.9;

/** Who holds how many bytes: the whole, each namespace with a limit, each repository. */
export class Ledger {
  readonly #quotas: Quotas;
  readonly #scopes = new Map<string, Scope>();

  constructor(quotas: Quotas) {
    this.#quotas = quotas;
  }

  /** Bytes of all blobs and manifests, each once. */
  get used(): number {
    return this.#scope('').used;
  }

  get objects(): number {
    return this.#scope('').holders.size;
  }

  /** Whether any repository has it. */
  holds(digest: string): boolean {
    return this.#scope('').holders.has(digest);
  }

  /** How many repositories have it. */
  holders(digest: string): number {
    return this.#scope('').holders.get(digest) ?? 0;
  }

  add(repository: string, digest: string, size: number): void {
    for (const scope of this.#scopesOf(repository)) {
      const holders = scope.holders.get(digest) ?? 0;
      if (holders === 0) scope.used += size;
      scope.holders.set(digest, holders + 1);
    }
  }

  remove(repository: string, digest: string, size: number): void {
    for (const scope of this.#scopesOf(repository)) {
      const holders = scope.holders.get(digest) ?? 0;
      if (holders > 1) scope.holders.set(digest, holders - 1);
      else if (scope.holders.delete(digest)) scope.used -= size;
    }
  }

  /** Counts bytes that arrive. Fails with DENIED where they would pass a limit. */
  expect(repository: string, bytes: number): void {
    this.#check(repository, bytes, undefined);
    for (const scope of this.#scopesOf(repository)) scope.pending += bytes;
  }

  /** They have become a blob, or were dropped. */
  settle(repository: string, bytes: number): void {
    for (const scope of this.#scopesOf(repository)) scope.pending -= bytes;
  }

  /** Would this digest, if it is new there, pass a limit? Fails with DENIED. */
  check(repository: string, digest: string, size: number): void {
    this.#check(repository, size, digest);
  }

  /** Sentences about limits of this repository that are nearly reached. */
  nearlyFull(repository: string): string[] {
    return this.#namesOf(repository).flatMap((name) => {
      const { limit, used } = this.#scope(name);
      if (limit === undefined || used < limit * NEARLY) return [];
      return [`the quota of ${ownerOf(name)} is nearly full: it uses ${used} of ${limit} bytes`];
    });
  }

  #check(repository: string, bytes: number, digest: string | undefined): void {
    for (const name of this.#namesOf(repository)) {
      const { limit, used, pending, holders } = this.#scope(name);
      if (limit === undefined || (digest !== undefined && holders.has(digest))) continue;
      if (used + pending + bytes <= limit) continue;
      throw new RegistryError(
        'DENIED',
        `the quota of ${ownerOf(name)} is full: it uses ${used} of ${limit} bytes${pending > 0 ? `, ${pending} more are on their way` : ''}, and this needs ${bytes}`,
        { used, limit, pending, needed: bytes },
      );
    }
  }

  *#scopesOf(repository: string): Generator<Scope> {
    for (const name of this.#namesOf(repository)) yield this.#scope(name);
  }

  #namesOf(repository: string): string[] {
    const spaces = Object.keys(this.#quotas.named).filter((name) => name.endsWith('/') && repository.startsWith(name));
    return ['', ...spaces, repository];
  }

  #scope(name: string): Scope {
    let scope = this.#scopes.get(name);
    if (!scope) {
      const { total, repository, named } = this.#quotas;
      scope = { limit: name === '' ? total : (named[name] ?? repository), used: 0, holders: new Map(), pending: 0 };
      this.#scopes.set(name, scope);
    }
    return scope;
  }
}

function ownerOf(name: string): string {
  if (name === '') return 'the registry';
  return name.endsWith('/') ? `the namespace ${name}` : `the repository ${name}`;
}
