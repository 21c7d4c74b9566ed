import type { Writable } from 'node:stream';
import { conflict, GantryError, invalid, notFound } from '../../base/index.ts';
import { interfaceCounters, readSystemCpu } from '../../host/index.ts';
import { type ContainerRecord, isAlive, NEVER, type ResourceLimits, type RestartPolicy } from '../../model/index.ts';
import { commitContainer } from '../commit/commit.ts';
import type { AttachedStreams, AttachOptions, CommitOptions, Containers, ContainerUsage, CreateContainer, LogOptions } from '../engine.ts';
import { type EngineParts, publishContainerEvent, publishPrune } from '../parts.ts';
import type { AttachDesk } from '../streams/attach.ts';
import { storageOf } from '../system/storage.ts';
import { createContainer } from './create.ts';
import { containerFiles } from './launch.ts';
import type { Lifecycle } from './lifecycle.ts';
import { checkName } from './names.ts';
import type { Remover } from './remove.ts';
import type { Stopper } from './stop.ts';
import { explain } from './why.ts';

/** The container use cases: checks, then the part that does it. */
export class ContainerUseCases implements Containers {
  #parts: EngineParts;
  #lifecycle: Lifecycle;
  #stopper: Stopper;
  #remover: Remover;
  #desk: AttachDesk;

  constructor(parts: EngineParts, lifecycle: Lifecycle, stopper: Stopper, remover: Remover, desk: AttachDesk) {
    this.#parts = parts;
    this.#lifecycle = lifecycle;
    this.#stopper = stopper;
    this.#remover = remover;
    this.#desk = desk;
  }

  list(): ContainerRecord[] {
    return this.#parts.table.list();
  }

  get(reference: string): ContainerRecord {
    return this.#parts.table.get(reference);
  }

  create(request: CreateContainer): Promise<{ id: string; warnings: string[] }> {
    return createContainer(this.#parts, request);
  }

  async start(reference: string): Promise<void> {
    await this.#lifecycle.start(this.get(reference).id, 'user');
  }

  async stop(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    await this.#stopper.stop(this.get(reference), options);
  }

  async restart(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    const record = await this.#stopper.afterStart(this.get(reference));
    await this.#lifecycle.restart(record.id, async () => {
      if (isAlive(record.state) || record.state.status === 'restarting') await this.#stopper.stop(record, options);
    });
    publishContainerEvent(this.#parts, this.get(record.id), 'restart');
  }

  async kill(reference: string, signal: string): Promise<void> {
    await this.#stopper.kill(this.get(reference), signal);
  }

  async pause(reference: string): Promise<void> {
    const { id } = this.get(reference);
    await this.#parts.queue.run(id, async () => {
      const record = this.get(id);
      if (record.state.status === 'paused') throw conflict(`Container ${reference} is already paused`);
      if (record.state.status !== 'running') throw conflict(`Container ${reference} is not running`);
      await this.#parts.runtime.pause(id);
      await this.#parts.table.changeState(id, { status: 'paused' });
      publishContainerEvent(this.#parts, record, 'pause');
    });
  }

  async unpause(reference: string): Promise<void> {
    const { id } = this.get(reference);
    await this.#parts.queue.run(id, async () => {
      const record = this.get(id);
      if (record.state.status !== 'paused') throw conflict(`Container ${reference} is not paused`);
      await this.#parts.runtime.resume(id);
      await this.#parts.table.changeState(id, { status: 'running' });
      publishContainerEvent(this.#parts, record, 'unpause');
    });
  }

  async rename(reference: string, name: string): Promise<void> {
    const record = this.get(reference);
    const checked = checkName(name);
    if (checked === record.name) throw invalid('Renaming a container with the same name as its current name');
    const renamed = await this.#parts.queue.run(record.id, () => this.#rename(record.id, checked));
    publishContainerEvent(this.#parts, renamed, 'rename', { oldName: `/${record.name}` });
  }

  /** Row first: the next start of the daemon tells the network by it. */
  async #rename(id: string, name: string): Promise<ContainerRecord> {
    const renamed = await this.#parts.table.rename(id, name);
    if (!isAlive(renamed.state)) return renamed;
    const attachment = this.#parts.network.rename({ containerId: id, name, spec: renamed.spec });
    return attachment ? await this.#parts.table.changeState(id, { endpoints: attachment.endpoints }) : renamed;
  }

  async update(reference: string, change: { resources: ResourceLimits; restart?: RestartPolicy }): Promise<{ warnings: string[] }> {
    const { id } = this.get(reference);
    return await this.#parts.queue.run(id, async () => {
      const record = this.get(id);
      if (record.spec.autoRemove && change.restart && change.restart.name !== 'no') {
        throw conflict(`Restart policy cannot be updated because AutoRemove is enabled for the container ${record.name}`);
      }
      if (isAlive(record.state) && Object.keys(change.resources).length > 0) await this.#parts.runtime.update(id, change.resources);
      const { restart } = change;
      const updated = await this.#parts.table.change(id, (r) => ({
        ...r,
        spec: { ...r.spec, resources: { ...r.spec.resources, ...change.resources }, ...(restart ? { restart } : {}) },
      }));
      publishContainerEvent(this.#parts, updated, 'update');
      return { warnings: [] };
    });
  }

  async remove(reference: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void> {
    const damaged = this.#parts.table.findDamaged(reference);
    if (damaged === undefined) await this.#remover.remove(this.get(reference), options);
    else await this.#remover.removeDamaged(damaged, options.force);
  }

  wait(reference: string, condition: 'not-running' | 'next-exit' | 'removed', signal: AbortSignal) {
    const record = this.get(reference);
    const { id, state } = record;
    if (condition === 'not-running' && !isAlive(state) && state.status !== 'restarting' && record.intent?.operation !== 'start') {
      return { id, result: Promise.resolve({ exitCode: state.exitCode, ...(state.error ? { error: state.error } : {}) }) };
    }
    const until = condition === 'removed' ? 'removed' : condition === 'next-exit' ? 'exit' : 'stopped';
    return { id, result: this.#parts.waiters.add(id, until, signal) };
  }

  async resize(reference: string, size: { rows: number; columns: number }): Promise<void> {
    const record = this.get(reference);
    if (!isAlive(record.state)) throw conflict(`Container ${record.id} is not running`);
    await this.#parts.runtime.resize(record.id, size);
    publishContainerEvent(this.#parts, record, 'resize', { height: String(size.rows), width: String(size.columns) });
  }

  async attach(reference: string, options: AttachOptions, signal: AbortSignal): Promise<AttachedStreams> {
    const record = this.get(reference);
    if (record.state.status === 'paused') throw conflict(`Container ${record.id} is paused, unpause the container before attach`);
    if (record.state.status === 'restarting') throw conflict(`Container ${record.id} is restarting, wait until the container is running`);
    const streams = await this.#desk.attach(record, options, signal);
    publishContainerEvent(this.#parts, record, 'attach');
    return streams;
  }

  logs(reference: string, options: LogOptions, signal: AbortSignal): { tty: boolean; chunks: AsyncIterable<Uint8Array> } {
    const record = this.get(reference);
    if (record.spec.log.driver === 'none') throw new GantryError('unsupported', 'configured logging driver does not support reading');
    const { tty } = record.spec;
    const { details, ...rest } = options;
    const chunks = this.#parts.runtime.readLogs(
      { ...rest, id: record.id, framing: tty ? 'raw' : 'multiplexed', ...(details ? { detailsPrefix: detailsOf(record) } : {}) },
      signal,
    );
    return { tty, chunks };
  }

  async top(reference: string, psArguments: readonly string[]): Promise<{ titles: string[]; processes: string[][] }> {
    const record = this.get(reference);
    if (!isAlive(record.state)) throw conflict(`Container ${record.id} is not running`);
    publishContainerEvent(this.#parts, record, 'top');
    return await this.#parts.runtime.processes(record.id, psArguments);
  }

  async usage(reference: string): Promise<ContainerUsage> {
    const record = this.get(reference);
    const alive = isAlive(record.state);
    const usage = alive ? await this.#parts.runtime.usage(record.id).catch((error) => this.#goneOr(record.id, error)) : undefined;
    const host = readSystemCpu();
    return {
      id: record.id,
      name: record.name,
      running: usage !== undefined,
      read: this.#parts.clock.timestamp(),
      usage,
      systemCpu: host.total,
      processors: host.processors,
      networks: usage && record.spec.networkMode.kind !== 'host' ? countersOf(record.state.pid) : {},
    };
  }

  /** A container may end between the look at its record and the look at its cgroup. */
  #goneOr(id: string, error: unknown): undefined {
    const record = this.#parts.table.find(id);
    if (record && isAlive(record.state)) throw error;
    return undefined;
  }

  async changes(reference: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]> {
    return await this.#parts.images.layers.changes(this.get(reference).id);
  }

  async export(reference: string, output: Writable, signal: AbortSignal): Promise<void> {
    const record = this.get(reference);
    await this.#parts.roots.using(record.id, `export-${this.#parts.ids.next()}`, () =>
      this.#parts.images.layers.export(record.id, output, signal),
    );
    publishContainerEvent(this.#parts, record, 'export');
  }

  async sizes(reference: string): Promise<{ writable: number; root: number }> {
    const record = this.get(reference);
    const writable = await this.#parts.images.layers.size(record.id);
    const image = this.#parts.images.list().find((i) => i.id === record.spec.imageId);
    return { writable, root: writable + (image?.size ?? 0) };
  }

  commit(reference: string, options: CommitOptions): Promise<{ id: string }> {
    return commitContainer(this.#parts, reference, options);
  }

  async prune(filter: (container: ContainerRecord) => boolean): Promise<{ removed: string[]; spaceReclaimed: number }> {
    const removed: string[] = [];
    let spaceReclaimed = 0;
    for (const record of this.list()) {
      if (isAlive(record.state) || record.state.status === 'restarting' || record.intent || !filter(record)) continue;
      const { layer, files, logs } = await storageOf(this.#parts, record);
      try {
        await this.#remover.finish(record.id, false);
      } catch (error) {
        // Started or removed by someone else meanwhile: then it is not ours to prune.
        if (error instanceof GantryError && (error.kind === 'conflict' || error.kind === 'notFound')) continue;
        throw error;
      }
      removed.push(record.id);
      spaceReclaimed += layer + files + logs;
    }
    publishPrune(this.#parts, 'container', spaceReclaimed);
    return { removed, spaceReclaimed };
  }

  paths(id: string): { log: string; resolver: string; hostname: string; hosts: string } {
    const record = this.#parts.table.find(id);
    if (!record) throw notFound(`No such container: ${id}`);
    const { log, resolver, hostname, hosts } = containerFiles(this.#parts.dataRoot, id);
    return record.state.startedAt === NEVER ? { log, resolver: '', hostname: '', hosts: '' } : { log, resolver, hostname, hosts };
  }

  async why(reference: string) {
    const record = this.get(reference);
    return explain(record, this.#parts.decisions.of(record.id), this.#parts.clock.now());
  }
}

/** The container's own interfaces; those of the loopback device are left out, as in Docker's figures. */
function countersOf(pid: number): ContainerUsage['networks'] {
  const entries = Object.entries(interfaceCounters(pid) ?? {}).filter(([name]) => name !== 'lo');
  return Object.fromEntries(
    entries.map(([name, c]) => [
      name,
      {
        receivedBytes: c.rxBytes,
        receivedPackets: c.rxPackets,
        receivedErrors: c.rxErrors,
        receivedDropped: c.rxDropped,
        sentBytes: c.txBytes,
        sentPackets: c.txPackets,
        sentErrors: c.txErrors,
        sentDropped: c.txDropped,
      },
    ]),
  );
}

/** The labels and variables that the log options name, as `logs --details` shows them. */
function detailsOf(record: ContainerRecord): string {
  const { labels = '', env = '', tag } = record.spec.log.options;
  const pairs = [
    ...labels.split(',').flatMap((key) => (record.spec.labels[key] === undefined ? [] : [`${key}=${record.spec.labels[key]}`])),
    ...env.split(',').flatMap((key) => record.spec.environment.filter((e) => key !== '' && e.startsWith(`${key}=`))),
  ];
  if (tag) pairs.push(`tag=${tag}`);
  return pairs.sort().join(',');
}
