import { type Clock, describe, type Log } from '../../base/index.ts';
import { type Access, type Identity, type Registry, RegistryError, type RegistryMetrics, type Wish } from '../../registry/index.ts';
import type { Exchange, Handler } from '../http/index.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import type { Call } from './call.ts';
import { errorBody, failureOf, isAbort } from './errors.ts';
import { deleteManifest, getManifest, getReferrers, putManifest } from './manifests.ts';
import { catalogFor, sendPage } from './pages.ts';
import { parsePath, type Target } from './paths.ts';
import { clientAddress, Refusal, refuse, serveToken } from './refusal.ts';
import { cancelUpload, finishUpload, patchUpload, startUpload, uploadStatus } from './uploads.ts';

export interface RegistryApiOptions {
  registry: Registry;
  /** Who may do what; undefined: everybody may do everything that the registry can. */
  access: Access | undefined;
  /** Deleting is off unless the operator switched it on. */
  allowDelete: boolean;
  metrics?: RegistryMetrics;
  clock: Clock;
  log: Log;
  version: string;
}

const EVERYBODY: Identity = { kind: 'anonymous', name: '' };

type Operation = (call: Call, repository: string, reference: string) => void | Promise<void>;

/** By kind of path and method; HEAD is a GET whose body is kept back. */
const OPERATIONS: Partial<Record<Target['what'], Record<string, Operation>>> = {
  base: { GET: ({ exchange }) => exchange.sendJson(200, {}) },
  catalog: { GET: sendCatalog },
  tags: { GET: getTags },
  manifest: { GET: getManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: getBlob, DELETE: deleteBlob },
  uploads: { POST: startUpload },
  upload: { GET: uploadStatus, PATCH: patchUpload, PUT: finishUpload, DELETE: cancelUpload },
  referrers: { GET: getReferrers },
};

async function sendCatalog(call: Call): Promise<void> {
  await call.permit({ action: 'catalog' });
  await sendPage(
    call,
    '/v2/_catalog',
    (page) => catalogFor(call, page),
    (repositories) => ({ repositories }),
  );
}

async function getTags(call: Call, repository: string): Promise<void> {
  await call.permit({ action: 'pull', repository });
  const list = (page: Parameters<Registry['tags']>[1]) => call.registry.tags(repository, page);
  await sendPage(call, `/v2/${repository}/tags/list`, list, (tags) => ({ name: repository, tags }));
}

/** The distribution API (OCI 1.1 and Docker's v2) as one handler. */
export function createRegistryApi(options: RegistryApiOptions): Handler {
  const headers = [
    'Docker-Distribution-Api-Version',
    'registry/2.0',
    'Server',
    `Gantry/${options.version}`,
    'X-Content-Type-Options',
    'nosniff',
  ];
  return async (exchange) => {
    exchange.headers = headers;
    const begun = options.clock.now();
    const seen: Seen = { what: 'none', name: '', from: clientAddress(exchange) };
    try {
      await answer(options, exchange, seen);
    } catch (error) {
      await tell(options, exchange, error);
    }
    record(options, exchange, seen, begun);
  };
}

interface Seen {
  what: string;
  /** Address of the client. */
  from: string;
  /** Of the user or robot. */
  name: string;
}

async function answer(options: RegistryApiOptions, exchange: Exchange, seen: Seen): Promise<void> {
  const target = parsePath(exchange.path);
  if (!target) return sendError(exchange, 404, 'UNSUPPORTED', `there is nothing at ${exchange.path.slice(0, 200)}: the API is below /v2/`);
  seen.what = target.what;
  if (target.what === 'health') return exchange.sendJson(200, { status: 'ok' });
  if (target.what === 'token') return await serveToken(options.access, exchange);
  const identity = await identify(options, exchange);
  seen.name = identity.name;
  if (target.what === 'metrics') return await sendMetrics(options, exchange, identity);
  const operations = OPERATIONS[target.what] ?? {};
  const operation = operations[exchange.method === 'HEAD' ? 'GET' : exchange.method];
  if (!operation) {
    exchange.headers = [...exchange.headers, 'Allow', Object.keys(operations).join(', ')];
    throw new RegistryError('UNSUPPORTED', `${exchange.method} is not possible here: ${Object.keys(operations).join(', ')} is`);
  }
  const call = makeCall(options, exchange, identity);
  if (target.what === 'base') await call.permit({ action: 'ping' });
  await operation(call, 'repository' in target ? target.repository : '', 'reference' in target ? target.reference : '');
}

async function identify({ access }: RegistryApiOptions, exchange: Exchange): Promise<Identity> {
  if (!access) return EVERYBODY;
  const known = await access.authenticate(exchange.request.headers.authorization, clientAddress(exchange));
  if ('identity' in known) return known.identity;
  throw new Refusal(known.refused, known.status, known.status === 429 ? { retryAfter: known.retryAfterSeconds } : { error: known.error });
}

function makeCall(options: RegistryApiOptions, exchange: Exchange, identity: Identity): Call {
  const { access, registry } = options;
  const decide = async (wish: Wish, who = identity) => (access ? await access.authorize(who, wish) : { allowed: true as const });
  const { grants: _, ...itself } = identity;
  return {
    exchange,
    registry,
    identity,
    async permit(wish) {
      const verdict = await decide(wish);
      if (!verdict.allowed) throw new Refusal(verdict.reason, verdict.status, verdict);
      checkPossible(options, wish);
    },
    may: async (wish) => (await decide(wish)).allowed,
    mayEver: async (wish) => (await decide(wish, itself)).allowed,
  };
}

/** What the operator has switched off for everybody. */
function checkPossible({ registry, allowDelete }: RegistryApiOptions, { action }: Wish): void {
  if (action !== 'push' && action !== 'delete') return;
  if (registry.readOnly !== undefined) throw new RegistryError(action === 'push' ? 'DENIED' : 'UNSUPPORTED', registry.readOnly);
  if (action === 'delete' && !allowDelete)
    throw new RegistryError('UNSUPPORTED', 'deleting is switched off in this registry: its operator can allow it with --allow-delete');
}

/** Figures tell about everybody's use: where people have names, one has to say one's own. */
async function sendMetrics({ access, metrics }: RegistryApiOptions, exchange: Exchange, identity: Identity): Promise<void> {
  if (!metrics) return sendError(exchange, 404, 'UNSUPPORTED', 'this registry keeps no metrics');
  if (access && identity.kind === 'anonymous') {
    const verdict = await access.authorize(identity, { action: 'ping' });
    if (!verdict.allowed) throw new Refusal(verdict.reason, verdict.status, { scopes: verdict.scopes });
  }
  exchange.send(200, metrics.text(), 'text/plain; version=0.0.4; charset=utf-8');
}

async function tell(options: RegistryApiOptions, exchange: Exchange, error: unknown): Promise<void> {
  if (exchange.request.socket?.destroyed !== false || (isAbort(error) && exchange.response.destroyed)) return;
  if (exchange.started) {
    // Too late for a status: a cut connection tells the client that the blob is not whole.
    exchange.request.socket?.destroy();
    if (!isAbort(error)) options.log.error('an answer broke off', { path: exchange.path, error: describe(error) });
    return;
  }
  if (error instanceof Refusal) return refuse(options.access, exchange, error);
  const { status, code, message, detail } = failureOf(error);
  if (status === 500) options.log.error('a request failed', { method: exchange.method, path: exchange.path, error: describe(error) });
  sendError(exchange, code === 'SIZE_INVALID' && message.includes('limit') ? 413 : status, code, message, detail);
}

function sendError(exchange: Exchange, status: number, code: string, message: string, detail?: unknown): void {
  const body = errorBody(code, message, detail);
  const { headers, complete } = exchange.request;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (hasBody && !complete) exchange.sendUnread(status, body, 'application/json');
  else exchange.send(status, body, 'application/json');
}

/** One line for each request, and its figures. The query stays out: it may hold what nobody should read. */
function record({ metrics, log, clock }: RegistryApiOptions, exchange: Exchange, seen: Seen, begun: number): void {
  const status = exchange.response.headersSent ? exchange.response.statusCode : 499;
  const milliseconds = clock.now() - begun;
  metrics?.request(exchange.method, seen.what, status, milliseconds);
  log.info('request', {
    from: seen.from,
    user: seen.name || undefined,
    method: exchange.method,
    path: exchange.path.slice(0, 400),
    status,
    milliseconds,
    agent: exchange.request.headers['user-agent']?.slice(0, 200),
  });
}
