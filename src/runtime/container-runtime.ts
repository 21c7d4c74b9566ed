import { closeSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, conflict, describe, errnoOf, isKind, type Log, unsupported } from '../base/index.ts';
import { connectSeqpacket, copyDescriptor, processTable, signalProcess } from '../host/index.ts';
import type { ResourceLimits, ResourceUsage } from '../model/index.ts';
import { resizeTerminal } from './conmon/control.ts';
import { StreamHub } from './conmon/hub.ts';
import { FIRST_HELD } from './conmon/monitor.ts';
import { startExec } from './exec.ts';
import { watchExitFiles } from './exits.ts';
import { startFailure } from './failure.ts';
import { closesInput, isRunning, launch, planLaunch, type Workshop } from './launch.ts';
import { LogKeeper, logBytes, readLog, removeLog } from './logs/index.ts';
import { callRuntime } from './oci-call.ts';
import type { Run } from './run.ts';
import { RunTable } from './run-table.ts';
import type {
  CreateRequest,
  ExecHandle,
  ExecRequest,
  ExitRecord,
  LogRequest,
  ProcessHandle,
  Runtime,
  RuntimeDescription,
  RuntimeObservation,
  StreamSession,
} from './runtime.ts';

/** Longest wait for an OCI runtime to let a process go, in milliseconds. */
const START_TIMEOUT = 60_000;
const SIGKILL = 9;

/** The runtime over conmon and an OCI runtime. Thin: each kind of work has its own file. */
export class ContainerRuntime implements Runtime {
  #workshop: Workshop;
  #clock: Clock;
  #log: Log;
  #runs: RunTable;
  #keeper: LogKeeper;

  constructor(workshop: Workshop, clock: Clock, log: Log) {
    this.#workshop = workshop;
    this.#clock = clock;
    this.#log = log;
    this.#runs = new RunTable(workshop, clock, log);
    this.#keeper = new LogKeeper(() => this.#runs.all(), workshop.paths, clock, log);
    // What came in a burst at the end.
    this.#runs.onExit(({ id }) => {
      const run = this.#runs.find(id);
      if (run) void this.#keeper.ended(run);
    });
    // Should the kernel refuse this watch, the end of each monitor still tells.
    watchExitFiles(workshop.paths, (id) => this.#runs.settle(id)).on('error', (error) =>
      log.warn('exit files are not watched', { error: describe(error) }),
    );
  }

  async create(request: CreateRequest, signal?: AbortSignal): Promise<ProcessHandle> {
    signal?.throwIfAborted();
    const plan = planLaunch(this.#workshop, request);
    this.#runs.begin(plan.run);
    try {
      const handle = await launch(this.#workshop, plan);
      signal?.throwIfAborted();
      this.#runs.watchMonitor(plan.run);
      this.#keeper.wake();
      return handle;
    } catch (error) {
      await this.remove(request.id).catch((left: unknown) =>
        this.#log.error('a failed create left something behind', { id: request.id, error: describe(left) }),
      );
      throw error;
    }
  }

  async start(id: string): Promise<void> {
    const run = this.#runs.need(id);
    const oci = this.#workshop.runtimes.get(run.record.runtime);
    const { code, complaint } = await callRuntime(oci, ['start', id], START_TIMEOUT, this.#clock);
    if (code !== 0) throw startFailure('start', complaint, run.record.command);
  }

  async signal(id: string, signal: number): Promise<void> {
    const process = this.#runs.needAlive(id);
    if (!signalProcess(process.pid, signal)) throw conflict(`container ${id} is not running`);
  }

  async killAll(id: string): Promise<void> {
    const run = this.#runs.need(id);
    const { cgroups } = this.#workshop;
    const process = this.#runs.process(run);
    if (process) signalProcess(process.pid, SIGKILL);
    if (cgroups.exists(run.record.cgroup)) await cgroups.kill(run.record.cgroup);
  }

  async pause(id: string): Promise<void> {
    this.#runs.needAlive(id);
    await this.#workshop.cgroups.freeze(this.#runs.need(id).record.cgroup);
    writeFileSync(this.#runs.pauseMarker(id), '');
  }

  async resume(id: string): Promise<void> {
    this.#runs.needAlive(id);
    await this.#workshop.cgroups.thaw(this.#runs.need(id).record.cgroup);
    rmSync(this.#runs.pauseMarker(id), { force: true });
  }

  async update(id: string, limits: ResourceLimits): Promise<void> {
    this.#runs.needAlive(id);
    this.#workshop.cgroups.apply(this.#runs.need(id).record.cgroup, limits);
  }

  remove(id: string): Promise<void> {
    return this.#runs.remove(id);
  }

  async inspect(id: string): Promise<RuntimeObservation> {
    return this.#runs.observe(id);
  }

  async list(): Promise<string[]> {
    return await readdir(this.#workshop.paths.containers);
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#runs.onExit(listener);
  }

  async adopt(id: string): Promise<RuntimeObservation> {
    const observation = this.#runs.adopt(id);
    // Nobody has looked at its log since the last daemon.
    if (observation.status === 'running' || observation.status === 'paused') this.#keeper.wake(true);
    const run = observation.status === 'stopped' ? this.#runs.find(id) : undefined;
    if (run) await this.#keeper.ended(run);
    return observation;
  }

  takeHeld(id: string): number[] {
    const { held = 0, monitor } = this.#runs.find(id)?.record ?? {};
    if (!monitor || !isRunning(monitor)) return [];
    const copies = Array.from({ length: held }, (_, index) => copyDescriptor(monitor.pid, FIRST_HELD + index));
    if (copies.every((copy) => copy !== undefined)) return copies;
    for (const copy of copies) if (copy !== undefined) closeSync(copy);
    return [];
  }

  async exec(request: ExecRequest): Promise<ExecHandle> {
    const { containerId } = request;
    this.#runs.needAlive(containerId);
    if (existsSync(this.#runs.pauseMarker(containerId)))
      throw conflict(`Container ${containerId} is paused, unpause the container before exec`);
    return await startExec(this.#workshop, this.#runs.need(containerId), request, this.#clock);
  }

  async attach(id: string): Promise<StreamSession> {
    const run = this.#runs.need(id);
    run.hub ??= this.#connect(run);
    return (await run.hub).join();
  }

  async resize(id: string, size: { rows: number; columns: number }): Promise<void> {
    const { record } = this.#runs.need(id);
    if (record.tty) await resizeTerminal(this.#workshop.paths.run(id), size);
  }

  readLogs(request: LogRequest, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const run = this.#runs.find(request.id);
    if (run && !run.record.log.enabled) throw unsupported('configured logging driver does not support reading');
    const source = {
      live: () => run !== undefined && run.exit === undefined && this.#runs.find(request.id) === run,
      onChange: (listener: () => void) => run?.onChange(listener) ?? (() => {}),
    };
    return readLog(this.#workshop.paths.logDirectory(request.id), request, source, this.#clock, signal);
  }

  removeLogs(id: string): Promise<void> {
    return removeLog(this.#workshop.paths.logDirectory(id));
  }

  logSize(id: string): Promise<number> {
    return logBytes(this.#workshop.paths.logDirectory(id));
  }

  async usage(id: string): Promise<ResourceUsage> {
    const usage = this.#workshop.cgroups.stats(this.#runs.need(id).record.cgroup);
    if (!usage) throw conflict(`container ${id} is not running`);
    return usage;
  }

  async processes(id: string, psArguments: readonly string[]): Promise<{ titles: string[]; processes: string[][] }> {
    this.#runs.needAlive(id);
    const pids = this.#workshop.cgroups.processes(this.#runs.need(id).record.cgroup);
    const { titles, rows } = await processTable(pids, psArguments.length > 0 ? psArguments : ['-ef']);
    return { titles, processes: rows };
  }

  async describe(): Promise<RuntimeDescription> {
    const { runtimes, cgroups, initPath } = this.#workshop;
    return {
      runtimes: await runtimes.describe(),
      monitor: await this.#monitor(),
      init: initPath === undefined ? undefined : { path: initPath },
      cgroupVersion: cgroups.version,
      cgroupDriver: 'cgroupfs',
      weighsBlockIo: cgroups.weighsBlockIo,
    };
  }

  /** Undefined when it is not installed: that is for those to say who need it. */
  async #monitor(): Promise<{ path: string; version: string } | undefined> {
    const { conmon, runtimes } = this.#workshop;
    try {
      const path = conmon();
      return { path, version: await runtimes.version(path) };
    } catch (error) {
      if (isKind(error, 'unavailable')) return undefined;
      throw error;
    }
  }

  async #connect(run: Run): Promise<StreamHub> {
    const { record } = run;
    if (run.exit) throw conflict(`container ${record.id} is not running`);
    try {
      return new StreamHub(await connectSeqpacket(join(this.#workshop.paths.run(record.id), 'attach')), {
        acceptsInput: record.openStdin,
        closesInput: closesInput(record),
        lingers: closesInput(record),
        alive: () => record.process === undefined || isRunning(record.process),
        later: (ms, work) => this.#clock.later(ms, work),
        onGone: () => {
          run.hub = undefined;
        },
      });
    } catch (error) {
      run.hub = undefined;
      // It has ended just now, and its socket with it.
      if (['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')) throw conflict(`container ${record.id} is not running`);
      throw error;
    }
  }
}
