import { conflict, type Ids, notFound } from '../../base/index.ts';
import type { ContainerRecord, ExecRecord, ExecSpec } from '../../model/index.ts';
import type { ExecHandle, StreamSession } from '../../runtime/index.ts';
import { presentLinkEnvironment } from '../containers/links.ts';
import type { AttachedStreams, Execs } from '../engine.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { parseDetachKeys } from '../streams/detach.ts';
import { InputStream, OutputStream } from '../streams/session-streams.ts';

/** Ended execs stay readable this long, in milliseconds: clients ask for the exit code after the streams end. */
const KEEP_ENDED = 5 * 60_000;

interface Entry {
  record: ExecRecord;
  handle?: ExecHandle;
}

/** Further processes in running containers. They end with their container. */
export class ExecTable implements Execs {
  #parts: EngineParts;
  #ids: Ids;
  #entries = new Map<string, Entry>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#ids = parts.ids;
  }

  async create(reference: string, spec: ExecSpec): Promise<string> {
    const container = this.#runningContainer(reference);
    if (spec.detachKeys) parseDetachKeys(spec.detachKeys);
    const id = this.#ids.next();
    this.#entries.set(id, { record: { id, containerId: container.id, spec, running: false, started: false, pid: 0, exitCode: undefined } });
    publishContainerEvent(this.#parts, container, `exec_create: ${spec.command.join(' ')}`, { execID: id });
    return id;
  }

  get(id: string): ExecRecord {
    return this.#entry(id).record;
  }

  /** Ids of the execs of a container, for its inspect. */
  of(containerId: string): string[] {
    return [...this.#entries.values()]
      .filter((e) => e.record.containerId === containerId && (e.record.running || !e.record.started))
      .map((e) => e.record.id);
  }

  /** Those that were never started go with the run; those that ended stay readable for a while. */
  containerEnded(containerId: string): void {
    for (const [id, { record }] of this.#entries) if (record.containerId === containerId && !record.started) this.#entries.delete(id);
  }

  async start(
    id: string,
    options: { detach: boolean; tty: boolean; size?: { rows: number; columns: number } },
    signal: AbortSignal,
  ): Promise<AttachedStreams | undefined> {
    const entry = this.#entry(id);
    if (entry.record.started) throw conflict(`exec command ${id} has already run`);
    const container = this.#runningContainer(entry.record.containerId);
    entry.record = { ...entry.record, started: true, running: true };
    const { spec } = entry.record;
    const attached = options.detach ? { ...spec, attachStdin: false, attachStdout: false, attachStderr: false } : spec;
    try {
      entry.handle = await this.#parts.runtime.exec({
        execId: id,
        containerId: container.id,
        containerSpec: {
          ...container.spec,
          environment: [...presentLinkEnvironment(this.#parts.table, container), ...container.spec.environment],
        },
        rootfs: this.#parts.images.layers.path(container.id),
        spec: attached,
        ...(options.size ? { size: options.size } : {}),
      });
    } catch (error) {
      const exitCode = error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' ? error.exitCode : 126;
      entry.record = { ...entry.record, running: false, exitCode };
      this.#expire(id);
      throw error;
    }
    entry.record = { ...entry.record, pid: entry.handle.pid };
    publishContainerEvent(this.#parts, container, `exec_start: ${spec.command.join(' ')}`, { execID: id });
    // Clients ask for the exit status as soon as the output ends, so it must be on record by then.
    const recorded = entry.handle.exited.then((exitCode) => this.#ended(entry, container, exitCode));
    return entry.handle.streams && !options.detach ? exchange(entry.record, entry.handle.streams, recorded, signal) : undefined;
  }

  async resize(id: string, size: { rows: number; columns: number }): Promise<void> {
    const { handle, record } = this.#entry(id);
    if (!handle || !record.running) throw conflict(`cannot resize exec ${id}: it is not running`);
    await handle.resize(size);
  }

  #ended(entry: Entry, container: ContainerRecord, exitCode: number): void {
    entry.record = { ...entry.record, running: false, exitCode, pid: 0 };
    publishContainerEvent(this.#parts, container, 'exec_die', { execID: entry.record.id, exitCode: String(exitCode) });
    this.#expire(entry.record.id);
  }

  #expire(id: string): void {
    this.#parts.clock.later(KEEP_ENDED, () => this.#entries.delete(id));
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (!entry) throw notFound(`No such exec instance: ${id}`);
    return entry;
  }

  #runningContainer(reference: string): ContainerRecord {
    const container = this.#parts.table.get(reference);
    if (container.state.status === 'paused') throw conflict(`Container ${container.id} is paused, unpause the container before exec`);
    if (container.state.status === 'restarting')
      throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
    if (container.state.status !== 'running') throw conflict(`container ${container.id} is not running`);
    return container;
  }
}

function exchange(record: ExecRecord, session: StreamSession, recorded: Promise<void>, signal: AbortSignal): AttachedStreams {
  const { spec } = record;
  const output = new OutputStream({ tty: spec.tty, stdout: spec.attachStdout || spec.tty, stderr: spec.attachStderr });
  const keys = spec.tty || spec.detachKeys ? parseDetachKeys(spec.detachKeys) : undefined;
  const input = spec.attachStdin ? new InputStream(keys, () => output.finish()) : undefined;
  output.bind(session, recorded);
  input?.bind(session);
  const leave = () => output.destroy();
  signal.addEventListener('abort', leave, { once: true });
  output.once('close', () => signal.removeEventListener('abort', leave));
  return { tty: spec.tty, output, input };
}
