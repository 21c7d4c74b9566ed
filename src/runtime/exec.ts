import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, GantryError } from '../base/index.ts';
import { connectSeqpacket, leavesOf, removeTree, signalProcess } from '../host/index.ts';
import { resizeTerminal } from './conmon/control.ts';
import { StreamHub } from './conmon/hub.ts';
import { type Monitor, startMonitor } from './conmon/monitor.ts';
import { startFailure } from './failure.ts';
import { lookUpUser } from './host-facts.ts';
import { isRunning, monitorsCgroup, moveAside, startTimeOf, type Workshop } from './launch.ts';
import type { Run } from './run.ts';
import type { ExecHandle, ExecRequest, StreamSession } from './runtime.ts';
import { buildExecProcess } from './spec/index.ts';

/** One second in all, of milliseconds each, for a tree of processes to end from its leaves. */
const KILL_ROUNDS = 50;
const KILL_PAUSE = 20;
/** A monitor that was lost cannot tell how its process ended. */
const UNKNOWN_EXIT = 255;

/** Runs a further process in a running container; nothing of its output is lost. Throws StartError when it cannot run. */
export async function startExec(workshop: Workshop, run: Run, request: ExecRequest, clock: Clock): Promise<ExecHandle> {
  const { spec, containerSpec, containerId, execId } = request;
  const oci = workshop.runtimes.get(run.record.runtime);
  const user = lookUpUser(request.rootfs, spec.user || containerSpec.user, containerSpec.groupAdd);
  const plan = buildExecProcess(containerSpec, spec, { ...workshop.facts, user }, request.size);
  const directory = workshop.paths.exec(containerId, execId);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, 'process.json'), JSON.stringify(plan), { mode: 0o600 });
  const attach = spec.attachStdin || spec.attachStdout || spec.attachStderr;
  const monitor = startMonitor(workshop.conmon(), {
    containerId,
    name: execId,
    bundle: directory,
    pidFile: join(directory, 'pid'),
    runtime: oci.path,
    runtimeArguments: oci.arguments,
    tty: spec.tty,
    stdin: spec.attachStdin,
    leaveStdinOpen: spec.tty,
    exec: { processSpec: join(directory, 'process.json'), attach },
  });
  void monitor.ended.then(() => removeTree(workshop.paths.containers, directory));
  try {
    return await follow(workshop, run, request, monitor, directory, attach, clock);
  } catch (error) {
    monitor.kill();
    throw error;
  }
}

async function follow(
  workshop: Workshop,
  run: Run,
  request: ExecRequest,
  monitor: Monitor,
  directory: string,
  attach: boolean,
  clock: Clock,
): Promise<ExecHandle> {
  const { cgroups } = workshop;
  const own = cgroups.managed && !workshop.runtimes.get(run.record.runtime).managesCgroup;
  // The runtime is born where the monitor is, and with it the process.
  if (cgroups.managed) cgroups.add(own ? run.record.cgroup : monitorsCgroup(workshop), monitor.pid);
  const lifetime: Lifetime = {};
  const streams = attach ? await attachFirst(request, monitor, directory, lifetime, clock) : undefined;
  monitor.release(true);
  const report = await monitor.reports.next();
  if (!report || report.data < 0) {
    streams?.close();
    const said = report?.message || (await monitor.ended).complaint || 'the monitor ended without a report';
    throw startFailure('exec', said, request.spec.command[0] ?? '');
  }
  const pid = report.data;
  if (own) moveAside(workshop, monitor.pid);
  lifetime.process = { pid, startTime: startTimeOf(pid) };
  return {
    pid,
    streams,
    resize: (size) => resizeTerminal(directory, size),
    kill: () => killTree(pid, () => isAlive(lifetime), clock),
    exited: monitor.reports.next().then((last) => (last && last.data >= 0 ? last.data & 255 : UNKNOWN_EXIT)),
  };
}

/**
 * Those without children go first, so that every one is taken in by its own parent: an orphan would become a child of the
 * container's first process, and some, such as PostgreSQL's, take the violent end of any child for a crash of their own.
 */
async function killTree(pid: number, alive: () => boolean, clock: Clock): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS && alive(); round += 1) {
    for (const leaf of leavesOf(pid)) signalProcess(leaf, 'SIGKILL');
    await clock.sleep(KILL_PAUSE);
  }
  // It starts new ones as fast as they go.
  if (alive()) for (const last of [pid, ...leavesOf(pid)]) signalProcess(last, 'SIGKILL');
}

/** What the hub asks: the process, once there is one. */
interface Lifetime {
  process?: { pid: number; startTime: number };
}

function isAlive({ process }: Lifetime): boolean {
  return process === undefined || isRunning(process);
}

async function attachFirst(
  request: ExecRequest,
  monitor: Monitor,
  directory: string,
  lifetime: Lifetime,
  clock: Clock,
): Promise<StreamSession> {
  monitor.release(false);
  const report = await monitor.attachReports?.next();
  if (!report)
    throw new GantryError(
      'internal',
      `The monitor of exec ${request.execId} ended early: ${(await monitor.ended).complaint || 'it gave no reason'}`,
    );
  const hub = new StreamHub(await connectSeqpacket(join(directory, 'attach')), {
    acceptsInput: request.spec.attachStdin,
    closesInput: request.spec.attachStdin && !request.spec.tty,
    lingers: false,
    alive: () => isAlive(lifetime),
    later: (ms, run) => clock.later(ms, run),
    onGone: () => {},
  });
  return hub.join();
}
