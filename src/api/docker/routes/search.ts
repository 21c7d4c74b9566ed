import { invalid } from '../../../base/index.ts';
import { type AddRoute, type Call, integer, type Parts, text } from '../call.ts';
import { decodeRegistryAuth } from '../decode/registry-auth.ts';
import { invalidFilter, parseFilters } from '../filters/filters.ts';

const DEFAULT_LIMIT = 25;
const MAXIMUM_LIMIT = 100;

/** `docker search`: what a registry's catalog has. Nobody gives stars there, and nothing is official. */
export function searchRoutes(add: AddRoute, parts: Parts): void {
  add('GET', '/images/search', async (call) => {
    const term = text(call, 'term');
    if (term === undefined) throw invalid('the query parameter term must be given');
    const limit = integer(call, 'limit') || DEFAULT_LIMIT;
    if (limit < 1 || limit > MAXIMUM_LIMIT) throw invalid(`limit ${limit} is outside the range of [1, ${MAXIMUM_LIMIT}]`);
    const wanted = wantsPlain(call);
    const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
    const { signal } = call.exchange;
    const names = await parts.engine.images.search(term, { limit, signal, ...(credentials ? { credentials } : {}) });
    const results = (wanted ? names : []).map((name) => ({
      star_count: 0,
      is_official: false,
      name,
      is_automated: false,
      description: '',
    }));
    call.exchange.sendJson(200, results);
  });
}

/** Whether the filters let through what has no stars and is neither official nor automated. */
function wantsPlain(call: Call): boolean {
  const filters = parseFilters(text(call, 'filters'), ['is-automated', 'is-official', 'stars']);
  for (const stars of filters.get('stars')) if (!/^\d+$/.test(stars)) throw invalidFilter('stars', stars);
  return (
    filters.boolean('is-official') !== true &&
    filters.boolean('is-automated') !== true &&
    filters.get('stars').every((stars) => Number(stars) === 0)
  );
}
