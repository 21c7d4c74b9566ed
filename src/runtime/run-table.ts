import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, conflict, describe, type Log, tearDown } from '../base/index.ts';
import { removeTree, signalProcess, watchExit } from '../host/index.ts';
import { readExitFile, sawOutOfMemory, writeExitFile } from './exits.ts';
import { startTimeOf, type Workshop } from './launch.ts';
import { callRuntime } from './oci-call.ts';
import { Run } from './run.ts';
import { readRunRecord } from './run-record.ts';
import type { ExitRecord, ProcessHandle, RuntimeObservation } from './runtime.ts';

const SIGKILL = 9;
/** What a process without a monitor counts as: it was killed. */
const KILLED = 128 + SIGKILL;
/** Longest wait for a killed container's monitor, in milliseconds. */
const END_TIMEOUT = 10_000;
const DELETE_TIMEOUT = 30_000;

/** The runs that this daemon knows, and how they end. */
export class RunTable {
  #workshop: Workshop;
  #clock: Clock;
  #log: Log;
  #runs = new Map<string, Run>();
  #removals = new Map<string, Promise<void>>();
  #listeners: ((exit: ExitRecord) => void)[] = [];

  constructor(workshop: Workshop, clock: Clock, log: Log) {
    this.#workshop = workshop;
    this.#clock = clock;
    this.#log = log;
  }

  all(): Iterable<Run> {
    return this.#runs.values();
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#listeners.push(listener);
  }

  begin(run: Run): void {
    const { id } = run.record;
    if (this.#runs.has(id)) throw conflict(`container ${id} has a run already`);
    this.#runs.set(id, run);
  }

  /** The run of `id`, also one that an earlier daemon began. */
  find(id: string): Run | undefined {
    const known = this.#runs.get(id);
    if (known || this.#removals.has(id)) return known;
    const record = readRunRecord(this.#workshop.paths.run(id));
    return record && this.#take(new Run(record));
  }

  need(id: string): Run {
    const run = this.find(id);
    if (!run) throw conflict(`container ${id} is not running`);
    return run;
  }

  needAlive(id: string): ProcessHandle {
    const process = this.process(this.need(id));
    if (!process) throw conflict(`container ${id} is not running`);
    return process;
  }

  /** The main process while it exists; never one that got its pid later. */
  process(run: Run): ProcessHandle | undefined {
    const { process } = run.record;
    return !run.exit && process && process.startTime !== 0 && startTimeOf(process.pid) === process.startTime ? process : undefined;
  }

  pauseMarker(id: string): string {
    return join(this.#workshop.paths.run(id), 'paused');
  }

  observe(id: string): RuntimeObservation {
    const run = this.find(id);
    if (!run) return { status: 'absent' };
    this.settle(id);
    const { exit } = run;
    if (exit) return { status: 'stopped', exitCode: exit.exitCode, finishedAt: exit.finishedAt, oomKilled: exit.oomKilled };
    const { process } = run.record;
    // Without a process the daemon died while it was made: there is nothing to keep.
    if (!process) return { status: 'absent' };
    if (existsSync(this.#fifo(run))) return { status: 'created', ...process };
    return { status: existsSync(this.pauseMarker(id)) ? 'paused' : 'running', ...process };
  }

  /** As observe; from then on the exit is told to listeners, unless this answer has told it already. */
  adopt(id: string): RuntimeObservation {
    return this.observe(id);
  }

  /** Looks whether the process of `id` has ended, and tells so once. */
  settle(id: string): void {
    const run = this.#runs.get(id);
    if (!run || run.exit) return;
    const exit = this.#readExit(run);
    if (!exit) return;
    run.finish(exit);
    for (const listener of this.#listeners) listener(exit);
  }

  /** Follows the monitor: its end is the end of the run, however it came. */
  watchMonitor(run: Run): void {
    const { monitor } = run.record;
    const ended = run.monitor
      ? run.monitor.ended
      : startTimeOf(monitor.pid) === monitor.startTime
        ? watchExit(monitor.pid)
        : Promise.resolve();
    void ended
      .then(() => this.#monitorEnded(run))
      .catch((error: unknown) =>
        this.#log.error('the end of a monitor could not be dealt with', { id: run.record.id, error: describe(error) }),
      );
  }

  /** Kills what is left, forgets the run and clears what it had on this host. A second call waits for the first. */
  remove(id: string): Promise<void> {
    const going = this.#removals.get(id);
    if (going) return going;
    const run = this.#findForRemoval(id);
    const removal = this.#clear(id, run).finally(() => this.#removals.delete(id));
    this.#removals.set(id, removal);
    this.#runs.delete(id);
    run?.abandon();
    return removal;
  }

  async #clear(id: string, run: Run | undefined): Promise<void> {
    const { paths, cgroups } = this.#workshop;
    const directory = paths.run(id);
    if (!run && !existsSync(directory)) return;
    if (run) await this.#end(run, directory);
    else killStranger(directory);
    await tearDown(
      () => run && this.#removeState(run),
      () => (run && cgroups.exists(run.record.cgroup) ? cgroups.remove(run.record.cgroup) : undefined),
      () => rm(paths.exit(id), { force: true }),
      () => removeTree(paths.containers, directory),
    );
  }

  /** A damaged record must not keep the rest of the run from going. */
  #findForRemoval(id: string): Run | undefined {
    try {
      return this.find(id);
    } catch (error) {
      this.#log.warn('a run is removed without its record', { id, error: describe(error) });
      return undefined;
    }
  }

  #take(run: Run): Run {
    this.#runs.set(run.record.id, run);
    const exit = this.#readExit(run);
    if (exit) run.finish(exit);
    else this.watchMonitor(run);
    return run;
  }

  #readExit(run: Run): ExitRecord | undefined {
    const { paths, cgroups } = this.#workshop;
    const { id, cgroup } = run.record;
    const file = readExitFile(paths, id);
    return file && { id, ...file, oomKilled: sawOutOfMemory(paths, id) || (cgroups.exists(cgroup) && cgroups.oomKills(cgroup) > 0) };
  }

  /** Without its monitor a process has nowhere to write and nobody would learn of its end: it goes too. */
  async #monitorEnded(run: Run): Promise<void> {
    const { id, process } = run.record;
    this.settle(id);
    if (run.exit || !process || this.#runs.get(id) !== run) return;
    this.#log.warn('the monitor of a container is gone; the container is ended', { id });
    await this.#killProcesses(run);
    if (this.#runs.get(id) !== run) return;
    if (!readExitFile(this.#workshop.paths, id)) writeExitFile(this.#workshop.paths, id, KILLED);
    this.settle(id);
  }

  async #killProcesses(run: Run): Promise<void> {
    const { cgroups } = this.#workshop;
    const process = this.process(run);
    if (process) signalProcess(process.pid, SIGKILL);
    if (cgroups.exists(run.record.cgroup)) await cgroups.kill(run.record.cgroup);
  }

  /** Ends the processes of a run and waits for its monitor: it writes the log to its end, and unlinks its socket last. */
  async #end(run: Run, directory: string): Promise<void> {
    const { monitor } = run.record;
    const alive = () => monitor.pid !== 0 && startTimeOf(monitor.pid) === monitor.startTime && monitor.startTime !== 0;
    if (!readExitFile(this.#workshop.paths, run.record.id)) {
      if (!run.record.process) killStranger(directory);
      await this.#killProcesses(run);
    }
    if (!alive()) return;
    const patience = new AbortController();
    const gone = run.monitor ? run.monitor.ended : watchExit(monitor.pid, patience.signal).catch(() => {});
    const cancel = this.#clock.later(END_TIMEOUT, () => {
      patience.abort();
      if (alive()) signalProcess(monitor.pid, SIGKILL);
    });
    await gone;
    cancel();
  }

  async #removeState(run: Run): Promise<void> {
    const { runtimes, paths } = this.#workshop;
    const { id, runtime } = run.record;
    const state = join(paths.ociRoot(runtime), id);
    if (!existsSync(state)) return;
    const oci = runtimes.get(runtime);
    if (!oci.plainState) await callRuntime(oci, ['delete', '--force', id], DELETE_TIMEOUT, this.#clock);
    await removeTree(paths.oci, state);
  }

  /** Both crun and runc keep this pipe until `start`. */
  #fifo(run: Run): string {
    return join(this.#workshop.paths.ociRoot(run.record.runtime), run.record.id, 'exec.fifo');
  }
}

/** Kills the process of which only the monitor's pid file tells. */
function killStranger(directory: string): void {
  const file = join(directory, 'pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (pid > 1) signalProcess(pid, SIGKILL);
}
