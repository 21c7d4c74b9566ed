import { type Page, RegistryError } from '../../registry/index.ts';
import type { Call } from './call.ts';

/** Entries of a list that a client gets at once, whatever it asks for. */
const MOST = 1000;

/** `n` and `last` of the query. Fails with RANGE_INVALID-like 400 for an `n` that is no number. */
function readPage(query: URLSearchParams): Page {
  const text = query.get('n');
  if (text !== null && !/^\d{1,9}$/.test(text))
    throw new RegistryError('SIZE_INVALID', `n=${text.slice(0, 40)} is not a number of entries`, { n: text.slice(0, 40) });
  const limit = text === null ? MOST : Math.min(Number(text), MOST);
  return { limit, last: query.get('last') ?? undefined };
}

/** Answers with one page of names, and a `Link` to the next when there is more. */
export async function sendPage(
  call: Call,
  path: string,
  list: (page: Page) => Promise<string[]>,
  body: (names: string[]) => unknown,
): Promise<void> {
  const page = readPage(call.exchange.query);
  const found = page.limit === 0 ? [] : await list({ ...page, limit: page.limit + 1 });
  const names = found.slice(0, page.limit);
  const more = found.length > names.length;
  const link = more ? ['Link', `<${path}?n=${page.limit}&last=${encodeURIComponent(names.at(-1) ?? '')}>; rel="next"`] : [];
  call.exchange.send(200, `${JSON.stringify(body(names))}\n`, 'application/json', link);
}

/** Repositories that the client may pull from: as many pages are looked through as it takes to fill one. */
export async function catalogFor(call: Call, page: Page): Promise<string[]> {
  const names: string[] = [];
  let last = page.last;
  while (names.length < page.limit) {
    const some = await call.registry.repositories({ limit: MOST, last });
    for (const repository of some) {
      if (names.length < page.limit && (await call.mayEver({ action: 'pull', repository }))) names.push(repository);
    }
    last = some.at(-1);
    if (some.length < MOST) break;
  }
  return names;
}
