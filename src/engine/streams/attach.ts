import { Readable } from 'node:stream';
import type { ContainerRecord } from '../../model/index.ts';
import { isAlive } from '../../model/index.ts';
import type { Runtime, StreamSession } from '../../runtime/index.ts';
import type { AttachedStreams, AttachOptions } from '../engine.ts';
import { parseDetachKeys } from './detach.ts';
import { InputStream, OutputStream } from './session-streams.ts';

interface Attached {
  output: OutputStream;
  input: InputStream | undefined;
}

/** Joins clients to the streams of running containers, and lets clients wait for containers that are about to start. */
export class AttachDesk {
  #runtime: Runtime;
  #waiting = new Map<string, Set<Attached>>();
  /** Outputs that a client still reads, by container. */
  #open = new Map<string, Set<OutputStream>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async attach(record: ContainerRecord, options: AttachOptions, signal: AbortSignal): Promise<AttachedStreams> {
    const tty = record.spec.tty;
    // Refused also where no input is read that could hold them.
    if (options.detachKeys) parseDetachKeys(options.detachKeys);
    // The kept log joins the live output without a gap when both come from the log itself.
    if (options.logs && record.spec.log.driver !== 'none') return await this.#fromLog(record, options, signal);
    const output = new OutputStream({ tty, stdout: options.stdout, stderr: options.stderr });
    const input = options.stdin && record.spec.openStdin ? this.#input(record, options, output) : undefined;
    if (!options.stream) output.finish();
    else await this.#join(record, { output, input }, signal);
    return { tty, output, input };
  }

  /** The process exists and waits before its first instruction: nobody who waited misses a byte. */
  async connectWaiting(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const attached of waiting ?? []) bind(attached, await this.#runtime.attach(id));
  }

  /**
   * Resolves when all that the container wrote is on its way to those who are attached, undefined when nobody is: clients that hear
   * of its end may stop reading.
   */
  delivered(id: string): Promise<void> | undefined {
    const open = this.#open.get(id);
    if (!open) return undefined;
    const closed = [...open].map((output) => new Promise<void>((resolve) => output.once('close', () => resolve())));
    return Promise.all(closed).then(() => undefined);
  }

  /** The start failed, or the container is gone. */
  endWaiting(id: string): void {
    for (const attached of this.#waiting.get(id) ?? []) attached.output.finish();
    this.#waiting.delete(id);
  }

  #input(record: ContainerRecord, options: AttachOptions, output: OutputStream): InputStream {
    const keys = record.spec.tty || options.detachKeys ? parseDetachKeys(options.detachKeys ?? '') : undefined;
    return new InputStream(keys, () => output.finish());
  }

  async #join(record: ContainerRecord, attached: Attached, signal: AbortSignal): Promise<void> {
    const { id } = record;
    const leave = () => {
      this.#waiting.get(id)?.delete(attached);
      attached.output.destroy();
      attached.input?.destroy();
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#keep(id, attached.output);
    attached.output.once('close', () => signal.removeEventListener('abort', leave));
    if (isAlive(record.state)) return bind(attached, await this.#runtime.attach(id));
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(attached));
  }

  #keep(id: string, output: OutputStream): void {
    const open = this.#open.get(id) ?? new Set();
    this.#open.set(id, open.add(output));
    output.once('close', () => {
      open.delete(output);
      if (open.size === 0) this.#open.delete(id);
    });
  }

  async #fromLog(record: ContainerRecord, options: AttachOptions, signal: AbortSignal): Promise<AttachedStreams> {
    const { tty } = record.spec;
    const chunks = this.#runtime.readLogs(
      {
        id: record.id,
        framing: tty ? 'raw' : 'multiplexed',
        stdout: options.stdout,
        stderr: options.stderr,
        timestamps: false,
        follow: options.stream,
      },
      signal,
    );
    const output = Readable.from(chunks, { objectMode: false });
    if (!options.stream || !options.stdin || !record.spec.openStdin) return { tty, output, input: undefined };
    const silent = new OutputStream({ tty, stdout: false, stderr: false });
    const input = this.#input(record, options, silent);
    silent.once('end', () => output.destroy());
    silent.resume();
    await this.#join(record, { output: silent, input }, signal);
    return { tty, output, input };
  }
}

function bind(attached: Attached, session: StreamSession): void {
  attached.output.bind(session);
  attached.input?.bind(session);
}
