import { once } from 'node:events';
import { describe, invalid, isKind } from '../../../base/index.ts';
import type { Builder } from '../../../build/index.ts';
import { type AddRoute, type Call, type Parts, text } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { decodeCredentials } from '../decode/registry-auth.ts';
import type { ContainerCache } from '../encode/container-cache.ts';
import { encodeEvent } from '../encode/event.ts';
import { encodeImageSummary } from '../encode/image.ts';
import { encodeInfo, encodeVersion } from '../encode/system.ts';
import { encodeVolume } from '../encode/volume.ts';
import { EVENT_FILTERS, eventFilter } from '../filters/events.ts';
import { parseFilters } from '../filters/filters.ts';
import { parseTimestamp } from '../filters/timestamps.ts';
import { encodeCacheEntry } from './build.ts';

const PING_HEADERS = ['Swarm', 'inactive', 'Cache-Control', 'no-cache, no-store, must-revalidate', 'Pragma', 'no-cache'];

/** The daemon about itself. `buildkit`: whether clients may build by BuildKit's protocol. */
export function systemRoutes(
  add: AddRoute,
  parts: Parts,
  cache: ContainerCache,
  { buildkit, builder }: { buildkit: boolean; builder: Builder },
): void {
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
  add('GET', '/system/df', (call) => diskUsage(call, parts, cache, builder));
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

const TYPES = ['container', 'image', 'volume', 'build-cache'];

async function diskUsage(call: Call, parts: Parts, cache: ContainerCache, builder: Builder): Promise<void> {
  const types = call.query.getAll('type');
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`);
  const wanted = (type: string) => types.length === 0 || types.includes(type);
  const usage = await parts.engine.system.diskUsage();
  const now = parts.clock.now();
  const containers = usage.containers.map(({ container, writable, root }) =>
    cache.listEntry(container, call.minor, container.spec.image, now, { writable, root }),
  );
  const document = {
    ...(wanted('image')
      ? {
          LayersSize: usage.layersSize,
          Images: usage.images.map(({ image, sharedSize, containers: count }) =>
            encodeImageSummary(image, call.minor, { containers: count, sharedSize }),
          ),
        }
      : {}),
    ...(wanted('volume')
      ? {
          Volumes: parts.engine.volumes
            .list()
            .map((volume) => encodeVolume(volume, usage.volumes.find(({ name }) => name === volume.name) ?? { size: -1, references: -1 })),
        }
      : {}),
    ...(wanted('build-cache') ? { BuildCache: (await builder.usage()).map(encodeCacheEntry) } : {}),
  };
  const text = JSON.stringify(document);
  const list = wanted('container') ? `"Containers":[${containers.join(',')}]` : '';
  call.exchange.send(200, `${text.slice(0, -1)}${list && text !== '{}' ? ',' : ''}${list}}\n`, 'application/json');
}
