import { describe, GantryError, invalid, isKind, notFound } from '../../../base/index.ts';
import type { CreateContainer } from '../../../engine/index.ts';
import { type ContainerRecord, isAlive } from '../../../model/index.ts';
import { JSON_LIMIT } from '../../http/index.ts';
import { type AddRoute, type Call, flag, integer, type Parts, parameter, size, text } from '../call.ts';
import { decodeCreate } from '../decode/create.ts';
import { checkAgainst, decodeUpdate } from '../decode/update.ts';
import { createWarnings, limitWarnings } from '../decode/warnings.ts';
import type { ContainerCache } from '../encode/container-cache.ts';
import { startFailureCode } from '../errors.ts';
import { CONTAINER_FILTERS, containerFilter, impliesAll } from '../filters/containers.ts';
import { parseFilters } from '../filters/filters.ts';
import { PRUNE_FILTERS, pruneFilter } from '../filters/prune.ts';

/** Containers: their life, one verb a route. Streams are in container-streams.ts, files in archive.ts. */
export function containerRoutes(add: AddRoute, parts: Parts, cache: ContainerCache, defaults: CreateDefaults): void {
  const { containers } = parts.engine;
  add('GET', '/containers/json', (call) => list(call, parts, cache));
  add('GET', '/containers/:id/json', async (call) => {
    const record = containers.get(parameter(call, 'id'));
    if (!flag(call, 'size')) return call.exchange.send(200, cache.inspect(record, call.minor), 'application/json');
    call.exchange.sendJson(200, cache.inspectDocument(record, call.minor, await containers.sizes(record.id)));
  });
  add('POST', '/containers/create', (call) => create(call, parts, defaults));
  add('POST', '/containers/:id/start', async (call) => {
    // API 1.23 and before took a HostConfig here; "null" and nothing are no configuration.
    const body = await call.exchange.body(JSON_LIMIT);
    if (body.length > 7)
      throw invalid('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
    await containers.start(parameter(call, 'id'), startOptions(call)).catch(asStartFailure);
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/stop', async (call) => {
    await containers.stop(parameter(call, 'id'), stopOptions(call));
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/restart', async (call) => {
    await containers.restart(parameter(call, 'id'), stopOptions(call)).catch(asStartFailure);
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/kill', async (call) => {
    await containers.kill(parameter(call, 'id'), text(call, 'signal') ?? 'SIGKILL');
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/pause', async (call) => {
    await containers.pause(parameter(call, 'id'));
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/unpause', async (call) => {
    await containers.unpause(parameter(call, 'id'));
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/rename', async (call) => {
    const name = text(call, 'name');
    if (name === undefined) throw invalid('Neither old nor new names may be empty: the query parameter name must be given');
    await containers.rename(parameter(call, 'id'), name);
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/:id/resize', async (call) => {
    await containers.resize(parameter(call, 'id'), size(call));
    call.exchange.sendEmpty(200);
  });
  add('POST', '/containers/:id/update', async (call) => {
    const host = await parts.host();
    const { id, spec } = containers.get(parameter(call, 'id'));
    const change = decodeUpdate(await call.exchange.json(), host.processors);
    checkAgainst(spec.resources, change.resources);
    const warnings = [...limitWarnings(change.resources, host), ...(await containers.update(id, change)).warnings];
    call.exchange.sendJson(200, { Warnings: warnings.length > 0 ? warnings : null });
  });
  add('DELETE', '/containers/:id', async (call) => {
    await containers.remove(parameter(call, 'id'), { force: flag(call, 'force'), volumes: flag(call, 'v'), link: flag(call, 'link') });
    call.exchange.sendEmpty(204);
  });
  add('POST', '/containers/prune', async (call) => {
    const filters = parseFilters(text(call, 'filters'), PRUNE_FILTERS);
    const fits = pruneFilter(filters, parts.clock.now());
    const { removed, spaceReclaimed } = await containers.prune((record) => fits(record.createdAt, record.spec.labels));
    call.exchange.sendJson(200, { ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: spaceReclaimed });
  });
  add('GET', '/containers/:id/top', async (call) => {
    const { titles, processes } = await containers.top(
      parameter(call, 'id'),
      (text(call, 'ps_args') ?? '-ef').split(/\s+/).filter((word) => word !== ''),
    );
    call.exchange.sendJson(200, { Processes: processes, Titles: titles });
  });
  add('GET', '/containers/:id/changes', async (call) => {
    const changes = await containers.changes(parameter(call, 'id'));
    call.exchange.sendJson(200, changes.length > 0 ? changes.map(({ path, kind }) => ({ Path: path, Kind: kind })) : null);
  });
}

/** What the daemon was configured to put where a request leaves a field open. */
export interface CreateDefaults {
  /** '' leaves it to the engine's own default. */
  runtime: string;
  cgroupParent: string;
  logOptions: Record<string, string>;
}

async function create(call: Call, parts: Parts, defaults: CreateDefaults): Promise<void> {
  const described = await parts.host();
  const host = defaults.runtime === '' ? described : { ...described, defaultRuntime: defaults.runtime };
  const request = decodeCreate(await call.exchange.json(), {
    name: text(call, 'name'),
    platform: text(call, 'platform'),
    minor: call.minor,
    host,
  });
  const { spec } = request;
  if (spec.cgroupParent === '') spec.cgroupParent = defaults.cgroupParent;
  if (spec.log.driver !== 'none') spec.log = { ...spec.log, options: { ...defaults.logOptions, ...spec.log.options } };
  checkImage(parts, request);
  const { id, warnings } = await makeContainer(parts, request, call.exchange.signal).catch((error: unknown) => {
    // 404 means to clients that the image is missing, and they pull it. It is there: something else is not.
    throw isKind(error, 'notFound') ? new GantryError('invalid', describe(error), { cause: error }) : error;
  });
  call.exchange.sendJson(201, { Id: id, Warnings: [...createWarnings(spec, host), ...warnings] });
}

async function makeContainer(parts: Parts, request: CreateContainer, signal: AbortSignal): Promise<{ id: string; warnings: string[] }> {
  pinReferences(parts, request.spec);
  return await parts.engine.containers.create(request, signal);
}

/** Names of other containers become their ids, so that a later rename does not lead elsewhere. */
function pinReferences(parts: Parts, spec: CreateContainer['spec']): void {
  const idOf = (reference: string) => parts.engine.containers.get(reference).id;
  for (const mode of [spec.networkMode, spec.ipcMode, spec.pidMode]) if (mode.kind === 'container') mode.id = idOf(mode.id);
  for (const source of spec.volumesFrom) source.container = idOf(source.container);
}

/** Another platform than the one asked for is as good as no image: 404, upon which clients pull the right one. */
function checkImage(parts: Parts, { spec }: CreateContainer): void {
  const image = parts.engine.images.get(spec.image);
  if (spec.platform === '') return;
  const [os = '', architecture = '', variant] = spec.platform.toLowerCase().split('/');
  if (architecture === '' && os !== 'linux') throw invalid(`invalid platform '${spec.platform}': expected os/architecture[/variant]`);
  const fits =
    image.os === os &&
    (architecture === '' || image.architecture === architecture) &&
    (variant === undefined || image.variant === undefined || image.variant === variant);
  if (fits) return;
  const found = `${image.os}/${image.architecture}${image.variant ? `/${image.variant}` : ''}`;
  throw notFound(
    `image with reference ${spec.image} was found but does not match the specified platform: wanted ${spec.platform}, actual: ${found}`,
  );
}

/** Newest first. `limit` takes the newest, whatever their state; without `all` only running ones are shown. */
async function list(call: Call, parts: Parts, cache: ContainerCache): Promise<void> {
  const { containers, images } = parts.engine;
  const filters = parseFilters(text(call, 'filters'), CONTAINER_FILTERS);
  const limit = integer(call, 'limit') ?? 0;
  const all = flag(call, 'all') || limit > 0 || impliesAll(filters);
  const fits = containerFilter(filters, parts.engine);
  let records = containers
    .list()
    .filter((record) => (all || isAlive(record.state) || record.state.status === 'restarting') && isVisible(record) && fits(record));
  records.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
  if (limit > 0) records = records.slice(0, limit);
  const now = parts.clock.now();
  const name = imageNames(images);
  const sizes = flag(call, 'size') ? await Promise.all(records.map((record) => sizesOf(parts, record.id))) : [];
  const entries = records.map((record, index) => cache.listEntry(record, call.minor, name(record), now, sizes[index]));
  call.exchange.send(200, `[${entries.join(',')}]\n`, 'application/json');
}

/** Undefined when the container went away while others were measured. */
async function sizesOf(parts: Parts, id: string): Promise<{ writable: number; root: number } | undefined> {
  try {
    return await parts.engine.containers.sizes(id);
  } catch (error) {
    if (isKind(error, 'notFound')) return undefined;
    throw error;
  }
}

/** A container whose creation is not complete does not exist yet for clients. */
function isVisible(record: ContainerRecord): boolean {
  return record.intent?.operation !== 'create';
}

/** The name the container was made with while it still means the same image, else the image's id. Asked once per name. */
function imageNames(images: Parts['engine']['images']): (record: ContainerRecord) => string {
  const ids = new Map<string, string>();
  return ({ spec }) => {
    let id = ids.get(spec.image);
    if (id === undefined) {
      try {
        id = images.get(spec.image).id;
      } catch (error) {
        if (!(error instanceof GantryError)) throw error;
        id = '';
      }
      ids.set(spec.image, id);
    }
    return id === spec.imageId ? spec.image : spec.imageId;
  };
}

function startOptions(call: Call): { detachKeys?: string } {
  const detachKeys = text(call, 'detachKeys');
  return detachKeys === undefined ? {} : { detachKeys };
}

function stopOptions(call: Call): { signal?: string; timeout?: number } {
  const signal = text(call, 'signal');
  const timeout = integer(call, 't');
  return { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) };
}

/** A command that cannot be run is the request's fault: 400, from which the CLI makes 126 and 127. */
export function asStartFailure(error: unknown): never {
  if (startFailureCode(error) === undefined || (error instanceof GantryError && error.kind === 'invalid')) throw error;
  throw new GantryError('invalid', error instanceof Error ? error.message : String(error), { cause: error });
}
