import { once } from 'node:events';
import { describe, invalid, isKind } from '../../../base/index.ts';
import { type AddRoute, type Call, type Parts, text } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { decodeCredentials } from '../decode/registry-auth.ts';
import { encodeEvent } from '../encode/event.ts';
import { encodeInfo, encodeVersion } from '../encode/system.ts';
import { EVENT_FILTERS, eventFilter } from '../filters/events.ts';
import { parseFilters } from '../filters/filters.ts';
import { parseTimestamp } from '../filters/timestamps.ts';

const PING_HEADERS = ['Swarm', 'inactive', 'Cache-Control', 'no-cache, no-store, must-revalidate', 'Pragma', 'no-cache'];

/** The daemon about itself. `buildkit`: whether clients may build by BuildKit's protocol. */
export function systemRoutes(add: AddRoute, parts: Parts, { buildkit }: { buildkit: boolean }): void {
  const pingHeaders = ['Builder-Version', buildkit ? '2' : '1', ...PING_HEADERS];
  for (const method of ['GET', 'HEAD'])
    add(method, '/_ping', ({ exchange }) => exchange.send(200, method === 'HEAD' ? '' : 'OK', 'text/plain; charset=utf-8', pingHeaders));
  add('GET', '/version', async ({ exchange }) =>
    exchange.sendJson(200, encodeVersion(await parts.host(), parts.build, `node ${process.version}`)),
  );
  add('GET', '/info', async ({ exchange }) =>
    exchange.sendJson(200, encodeInfo(await parts.engine.system.describe(), parts.engine, parts.build, parts.clock.timestamp())),
  );
  add('GET', '/events', (call) => events(call, parts));
  add('POST', '/auth', (call) => login(call, parts));
}

/** `docker login`: does the registry take these credentials? */
async function login(call: Call, parts: Parts): Promise<void> {
  const body = new Fields((await call.exchange.json()) ?? {}, '');
  const credentials = decodeCredentials(body);
  if (!credentials) throw invalid('invalid credentials: username and password, or an identity token, must be given');
  try {
    const { identityToken } = await parts.engine.images.checkCredentials(body.string('serveraddress'), credentials, call.exchange.signal);
    call.exchange.sendJson(200, { Status: 'Login Succeeded', IdentityToken: identityToken ?? '' });
  } catch (error) {
    if (!isKind(error, 'denied')) throw error;
    // Here, and only here, Docker says 401.
    call.exchange.sendJson(401, { message: describe(error) });
  }
}

async function events(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const fits = eventFilter(parseFilters(text(call, 'filters'), EVENT_FILTERS));
  const now = parts.clock.now();
  const time = (name: string) => {
    const value = text(call, name);
    return value === undefined ? undefined : parseTimestamp(name, value, now);
  };
  const since = time('since');
  const until = time('until');
  if (since !== undefined && until !== undefined && until < since)
    throw invalid(`since time (${text(call, 'since')}) cannot be after until time (${text(call, 'until')})`);
  const stream = parts.engine.events.subscribe(
    { follow: true, ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) },
    exchange.signal,
  );
  const response = exchange.stream(200, 'application/json');
  for await (const event of stream) {
    if (!fits(event)) continue;
    if (!response.write(encodeEvent(event))) await once(response, 'drain', { signal: exchange.signal });
  }
  response.end();
}
