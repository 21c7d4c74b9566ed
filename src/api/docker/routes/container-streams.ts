import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { GantryError, invalid } from '../../../base/index.ts';
import type { AttachOptions, LogOptions } from '../../../engine/index.ts';
import { type AddRoute, type Call, flag, type Parts, parameter, text } from '../call.ts';
import { encodeStats, type Previous } from '../encode/stats.ts';
import { parseTimestamp } from '../filters/timestamps.ts';
import { streamType } from '../streams/content-type.ts';
import { joinStreams } from '../streams/join.ts';
import { joinWebSocket } from '../streams/websocket.ts';

/** Routes whose answer goes on for as long as the container does. Their headers leave before the first byte of the body. */
export function containerStreamRoutes(add: AddRoute, parts: Parts): void {
  add('POST', '/containers/:id/attach', (call) => attach(call, parts));
  add('GET', '/containers/:id/attach/ws', (call) => attachWebSocket(call, parts));
  add('GET', '/containers/:id/logs', (call) => logs(call, parts));
  add('POST', '/containers/:id/wait', (call) => wait(call, parts));
  add('GET', '/containers/:id/stats', (call) => stats(call, parts));
}

async function attach(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const record = parts.engine.containers.get(parameter(call, 'id'));
  const abort = new AbortController();
  const streams = await parts.engine.containers.attach(record.id, attachOptions(call), abort.signal);
  const socket = await exchange.hijack(streamType(call.minor, streams.tty)).catch((error: unknown) => {
    abort.abort(error);
    throw error;
  });
  await joinStreams(socket, streams, abort);
}

async function attachWebSocket(call: Call, parts: Parts): Promise<void> {
  if (!call.exchange.upgrade) throw invalid('a websocket handshake was expected: the header Upgrade: websocket is missing');
  const record = parts.engine.containers.get(parameter(call, 'id'));
  const abort = new AbortController();
  // As in Docker, what is not asked for is not sent; without any choice everything is.
  const chosen = ['stdin', 'stdout', 'stderr'].some((name) => flag(call, name));
  const options = attachOptions(call);
  const streams = await parts.engine.containers.attach(
    record.id,
    { ...options, stream: true, ...(chosen ? {} : { stdin: true, stdout: true, stderr: true }) },
    abort.signal,
  );
  await joinWebSocket(call.exchange, streams, abort);
}

function attachOptions(call: Call): AttachOptions {
  const detachKeys = text(call, 'detachKeys');
  return {
    stream: flag(call, 'stream'),
    logs: flag(call, 'logs'),
    stdin: flag(call, 'stdin'),
    stdout: flag(call, 'stdout'),
    stderr: flag(call, 'stderr'),
    ...(detachKeys === undefined ? {} : { detachKeys }),
  };
}

async function logs(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const options = logOptions(call, parts.clock.now());
  const { tty, chunks } = parts.engine.containers.logs(parameter(call, 'id'), options, exchange.signal);
  await pipeline(chunks, exchange.stream(200, streamType(call.minor, tty)));
}

function logOptions(call: Call, now: number): LogOptions {
  const stdout = flag(call, 'stdout');
  const stderr = flag(call, 'stderr');
  if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const time = (name: string) => {
    const value = text(call, name);
    return value === undefined || value === '0' ? undefined : parseTimestamp(name, value, now);
  };
  const since = time('since');
  const until = time('until');
  const tail = text(call, 'tail');
  return {
    stdout,
    stderr,
    follow: flag(call, 'follow'),
    timestamps: flag(call, 'timestamps'),
    details: flag(call, 'details'),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    // Docker shows everything for "all" and for what is not a number.
    ...(tail !== undefined && /^\d{1,15}$/.test(tail) ? { tail: Number(tail) } : {}),
  };
}

const CONDITIONS = ['not-running', 'next-exit', 'removed'] as const;

async function wait(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const asked = text(call, 'condition') ?? 'not-running';
  const condition = CONDITIONS.find((known) => known === asked);
  if (!condition) throw invalid(`invalid condition: "${asked}"`);
  const { result } = parts.engine.containers.wait(parameter(call, 'id'), condition, exchange.signal);
  // Headers now: clients take them as the sign that the wait is registered, and start the container then.
  const response = exchange.stream(200, 'application/json');
  try {
    const { exitCode, error } = await result;
    response.end(`${JSON.stringify({ StatusCode: exitCode, ...(error ? { Error: { Message: error } } : {}) })}\n`);
  } catch (error) {
    if (exchange.signal.aborted) return;
    response.end(`${JSON.stringify({ StatusCode: -1, Error: { Message: error instanceof Error ? error.message : String(error) } })}\n`);
  }
}

const SECOND = 1000;

/** One document a second; a single one waits for a second measurement unless `one-shot` says no. */
async function stats(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const { containers } = parts.engine;
  const stream = flag(call, 'stream', true);
  const oneShot = flag(call, 'one-shot');
  if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true');
  const { id } = containers.get(parameter(call, 'id'));
  const first = await containers.usage(id);
  let previous: Previous;
  if (!stream) {
    if (oneShot || !first.running) return exchange.sendJson(200, encodeStats(first, undefined));
    await parts.clock.sleep(SECOND, exchange.signal);
    return exchange.sendJson(200, encodeStats(await containers.usage(id), first));
  }
  const response = exchange.stream(200, 'application/json');
  for (let current = first; ; current = await containers.usage(id)) {
    if (!response.write(`${JSON.stringify(encodeStats(current, previous))}\n`)) await once(response, 'drain', { signal: exchange.signal });
    previous = current;
    try {
      await parts.clock.sleep(SECOND, exchange.signal);
      containers.get(id);
    } catch (error) {
      // The client left, or the container was removed: the stream ends.
      if (!exchange.signal.aborted && !(error instanceof GantryError && error.kind === 'notFound')) throw error;
      response.end();
      return;
    }
  }
}
