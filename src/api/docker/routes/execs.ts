import { GantryError, invalid } from '../../../base/index.ts';
import type { AttachedStreams } from '../../../engine/index.ts';
import type { ExecSpec } from '../../../model/index.ts';
import { type AddRoute, type Call, parameter, type Parts, size } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { encodeExec } from '../encode/exec.ts';
import { startFailureCode } from '../errors.ts';
import { streamType } from '../streams/content-type.ts';
import { joinStreams } from '../streams/join.ts';

/** Further processes in running containers. */
export function execRoutes(add: AddRoute, parts: Parts): void {
  const { execs } = parts.engine;
  add('POST', '/containers/:id/exec', async (call) => {
    const id = await execs.create(parameter(call, 'id'), decodeExec(await call.exchange.json()));
    call.exchange.sendJson(201, { Id: id });
  });
  add('GET', '/exec/:id/json', (call) => call.exchange.sendJson(200, encodeExec(execs.get(parameter(call, 'id')))));
  add('POST', '/exec/:id/start', (call) => start(call, parts));
  add('POST', '/exec/:id/resize', async (call) => {
    await execs.resize(parameter(call, 'id'), size(call));
    call.exchange.sendEmpty(200);
  });
}

export function decodeExec(document: Record<string, unknown> | undefined): ExecSpec {
  const body = new Fields(document ?? {}, '');
  const command = body.stringsOrString('Cmd') ?? [];
  if (command.length === 0) throw invalid('No exec command specified');
  const workingDirectory = body.string('WorkingDir');
  if (workingDirectory !== '' && !workingDirectory.startsWith('/')) throw invalid(`the working directory '${workingDirectory}' is invalid, it needs to be an absolute path`);
  return {
    command,
    environment: body.strings('Env') ?? [],
    user: body.string('User'),
    workingDirectory,
    tty: body.boolean('Tty'),
    attachStdin: body.boolean('AttachStdin'),
    attachStdout: body.boolean('AttachStdout'),
    attachStderr: body.boolean('AttachStderr'),
    privileged: body.boolean('Privileged'),
    detachKeys: body.string('DetachKeys'),
  };
}

async function start(call: Call, parts: Parts): Promise<void> {
  const { exchange } = call;
  const { execs } = parts.engine;
  const id = parameter(call, 'id');
  const body = new Fields((await exchange.json()) ?? {}, '');
  const detach = body.boolean('Detach');
  const record = execs.get(id);
  const consoleSize = decodeConsoleSize(body);
  const abort = new AbortController();
  const options = { detach, tty: record.spec.tty, ...(consoleSize ? { size: consoleSize } : {}) };
  let streams: AttachedStreams | undefined;
  try {
    streams = await execs.start(id, options, abort.signal);
  } catch (error) {
    if (detach || startFailureCode(error) === undefined) throw error;
    return tellFailure(call, record.spec.tty, error);
  }
  if (detach) return exchange.sendEmpty(200);
  const socket = await exchange.hijack(streamType(call.minor, record.spec.tty)).catch((error: unknown) => {
    abort.abort(error);
    throw error;
  });
  if (streams) await joinStreams(socket, streams, abort);
  else socket.end();
}

/** A command that cannot be run is told on the stream, as a shell would; its code is in exec inspect. */
async function tellFailure(call: Call, tty: boolean, error: unknown): Promise<void> {
  const message = Buffer.from(`${error instanceof Error ? error.message : String(error)}\r\n`);
  const socket = await call.exchange.hijack(streamType(call.minor, tty));
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(message.length, 4);
  socket.resume();
  socket.end(tty ? message : Buffer.concat([header, message]), () => socket.destroy());
}

/** `[rows, columns]`. */
function decodeConsoleSize(body: Fields): { rows: number; columns: number } | undefined {
  const value = body.raw('ConsoleSize');
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length !== 2 || value.some((part) => !Number.isInteger(part) || part < 0 || part > 65535)) {
    throw new GantryError('invalid', `invalid ConsoleSize ${JSON.stringify(value)}: expected [rows, columns]`);
  }
  const [rows, columns] = value as [number, number];
  return rows === 0 && columns === 0 ? undefined : { rows, columns };
}
