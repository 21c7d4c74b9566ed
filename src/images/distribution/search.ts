import { describe, GantryError, isKind, unsupported } from '../../base/index.ts';
import type { Endpoint } from './endpoints.ts';
import { HUB } from './endpoints.ts';
import type { Repository } from './repository.ts';

/** What is to be searched for, and where. */
export interface SearchTerm {
  /** Registry as it stands in references; Docker Hub's mirrors when none was named. */
  domain: string;
  /** May be empty: everything. */
  term: string;
}

/** `host[:port]/term`, as in references: what comes first is a host when it has a dot or a port, or is `localhost`. */
export function parseSearch(text: string): SearchTerm {
  const [first = '', ...rest] = text.split('/');
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return { domain: first, term: rest.join('/') };
  return { domain: HUB, term: text };
}

/** Those that may be asked for their catalog: Docker Hub has none, its mirrors have. */
export function searchable(domain: string, endpoints: readonly Endpoint[]): Endpoint[] {
  const chosen = endpoints.filter(({ mirror }) => mirror || domain !== HUB);
  if (chosen.length > 0) return chosen;
  throw unsupported(
    'Docker Hub cannot be searched from here',
    'Name a registry that has a catalog, such as: docker search localhost:5000/nginx. With --registry-mirror the mirror is searched.',
  );
}

/** Names of repositories that have the term in them, sorted; those of a named registry begin with it. */
export async function searchCatalog(
  repository: Repository,
  { domain, term }: SearchTerm,
  limit: number,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const names = (await repository.listRepositories(signal)).filter((name) => name.includes(term.toLowerCase())).sort();
    return names.slice(0, limit).map((name) => (domain === HUB ? name : `${domain}/${name}`));
  } catch (error) {
    if (isKind(error, 'unavailable')) throw error;
    throw new GantryError('denied', `${repository.endpoint.origin} does not tell what it has: ${describe(error)}`, {
      hint: 'Log in with a user who may list the catalog.',
    });
  }
}
