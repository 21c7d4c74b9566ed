import type { Duplex } from 'node:stream';
import { conflict, describe, GantryError, invalid } from '../../../base/index.ts';
import type { ExecRecord, ExecSpec } from '../../../model/index.ts';
import { type AddRoute, type Call, type Parts, parameter, size } from '../call.ts';
import { Fields } from '../decode/fields.ts';
import { encodeExec } from '../encode/exec.ts';
import { failureOf, startFailureCode } from '../errors.ts';
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
  if (workingDirectory !== '' && !workingDirectory.startsWith('/'))
    throw invalid(`the working directory '${workingDirectory}' is invalid, it needs to be an absolute path`);
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
  const record = execs.get(id);
  const { tty } = record.spec;
  const consoleSize = decodeConsoleSize(body);
  const abort = new AbortController();
  const detach = body.boolean('Detach');
  const options = { detach, tty, ...(consoleSize ? { size: consoleSize } : {}) };
  if (detach) {
    await execs.start(id, options, abort.signal);
    return exchange.sendEmpty(200);
  }
  // What is wrong with the container gets a status. Then the connection is the process's: its first output must not reach
  // clients together with the head, since some read the two by different means. A second start gets its refusal there too:
  // compose's watch starts each of its execs twice, and gives up on a status.
  checkStartable(record, parts);
  const socket = await exchange.hijack(streamType(call.minor, tty));
  socket.once('close', () => abort.abort(new DOMException('the client closed the connection', 'AbortError')));
  try {
    const streams = await execs.start(id, options, abort.signal);
    if (streams) await joinStreams(socket, streams, abort);
    else endStream(socket, Buffer.alloc(0));
  } catch (error) {
    if (startFailureCode(error) === undefined) parts.log.warn('an exec did not start', { exec: id, error: describe(error) });
    endStream(socket, framed(tty, `${failureOf(error).message}\r\n`));
  }
}

function checkStartable(record: ExecRecord, parts: Parts): void {
  const { id, state } = parts.engine.containers.get(record.containerId);
  if (state.status === 'paused') throw conflict(`Container ${id} is paused, unpause the container before exec`);
  if (state.status !== 'running') throw conflict(`Container ${id} is not running`);
}

/** Text of ours on the process's stdout, as a shell would tell it; the exit code is in exec inspect. */
function framed(tty: boolean, message: string): Buffer {
  const text = Buffer.from(message);
  if (tty) return text;
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
}

function endStream(socket: Duplex, last: Buffer): void {
  socket.resume();
  socket.end(last, () => socket.destroy());
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
