import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { conflict, GantryError, isKind } from '../base/index.ts';
import {
  ALL_DEVICES,
  type Cgroups,
  DEFAULT_DEVICE_RULES,
  mkdirAllInRoot,
  processExists,
  processStartTime,
  statInRoot,
} from '../host/index.ts';
import type { DeviceRule } from '../model/index.ts';
import { startMonitor } from './conmon/monitor.ts';
import { startFailure } from './failure.ts';
import { type HostFacts, lookUpUser } from './host-facts.ts';
import { CURRENT, logPolicy } from './logs/index.ts';
import type { OciRuntime, OciRuntimes } from './oci-runtimes.ts';
import type { RuntimePaths } from './paths.ts';
import { Run } from './run.ts';
import { type RunRecord, writeRunRecord } from './run-record.ts';
import type { CreateRequest, ProcessHandle } from './runtime.ts';
import type { SeccompCache } from './seccomp-cache.ts';
import { buildOciSpec, buildResources, deviceNumbers, hostDevices, type OciSpec, resolveDevices, usesInit } from './spec/index.ts';

/** What the parts of the room share. */
export interface Workshop {
  paths: RuntimePaths;
  cgroups: Cgroups;
  runtimes: OciRuntimes;
  facts: HostFacts;
  /** Absolute path of conmon; throws `unavailable` when it is not installed. */
  conmon(): string;
  /** Absolute path of a small init, if the host has one. */
  initPath: string | undefined;
  seccomp: SeccompCache;
  cgroupParent: string;
}

/** Everything about a run that is decided before its first side effect. */
export interface LaunchPlan {
  run: Run;
  oci: OciRuntime;
  spec: OciSpec;
  rules: readonly DeviceRule[];
  request: CreateRequest;
}

/** Decides how to run the container. Errors: `invalid` and `unavailable`, naming the option. */
export function planLaunch(workshop: Workshop, request: CreateRequest): LaunchPlan {
  const { id, spec } = request;
  const { cgroups, facts } = workshop;
  const oci = workshop.runtimes.get(spec.runtime);
  const cgroup = posix.join('/', spec.cgroupParent || workshop.cgroupParent, id);
  if (usesInit(request) && !workshop.initPath)
    throw new GantryError('unavailable', 'no init program is installed for --init', { hint: 'Install catatonit or tini' });
  const asked = resolveDevices(spec.devices);
  const rules = spec.privileged ? ALL_DEVICES : [...DEFAULT_DEVICE_RULES, ...asked.rules, ...spec.deviceRules];
  const namespace = spec.cgroupNamespaceMode.kind === 'host' ? 'host' : 'private';
  const ociSpec = buildOciSpec(request, {
    ...facts,
    user: lookUpUser(request.rootfs, spec.user, spec.groupAdd),
    cgroupMounts: cgroups.mountsForContainer(cgroup, namespace),
    initPath: workshop.initPath,
    devices: spec.privileged ? [...hostDevices(), ...asked.devices] : asked.devices,
    ...(oci.managesCgroup ? { cgroupsPath: cgroup, resources: buildResources(spec.resources, rules, deviceNumbers) } : {}),
  });
  const record: RunRecord = {
    id,
    runtime: oci.name,
    cgroup,
    tty: spec.tty,
    openStdin: spec.openStdin,
    stdinOnce: spec.stdinOnce,
    command: [...spec.entrypoint, ...spec.command][0] ?? '',
    log: logPolicy(spec.log),
    monitor: { pid: 0, startTime: 0 },
    ...(request.held?.length ? { held: request.held.length } : {}),
  };
  return { run: new Run(record), oci, spec: ociSpec, rules, request };
}

/** Creates the process, stopped before its first instruction. On failure the caller removes what there is. */
export async function launch(workshop: Workshop, plan: LaunchPlan): Promise<ProcessHandle> {
  const { paths, cgroups } = workshop;
  const { run, oci, request } = plan;
  const { id } = request;
  const directory = paths.run(id);
  if (existsSync(directory)) throw conflict(`container ${id} has a run already`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeRunRecord(directory, run.record);
  // A monitor that outlived an earlier run's removal may have left one.
  rmSync(paths.exit(id), { force: true });
  if (run.record.log.enabled) mkdirSync(paths.logDirectory(id), { recursive: true, mode: 0o710 });
  ensureWorkingDirectory(request.rootfs, plan.spec.process.cwd);
  const { spec, learn } = oci.takesFilter ? workshop.seccomp.apply(plan.spec) : { spec: plan.spec, learn: () => {} };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
  const { pidsLimit, ...limits } = request.spec.resources;
  if (cgroups.managed) cgroups.create(run.record.cgroup, limits, plan.rules);
  const pid = await runMonitor(workshop, plan, directory);
  // The monitor and the runtime were among them until now.
  if (cgroups.managed && pidsLimit) cgroups.apply(run.record.cgroup, { pidsLimit });
  learn(join(paths.ociRoot(oci.name), id));
  const process = { pid, startTime: startTimeOf(pid) };
  run.record = { ...run.record, process };
  writeRunRecord(directory, run.record);
  return process;
}

async function runMonitor(workshop: Workshop, plan: LaunchPlan, directory: string): Promise<number> {
  const { paths, cgroups } = workshop;
  const { run, oci, request } = plan;
  const { id, spec } = request;
  const monitor = startMonitor(
    workshop.conmon(),
    {
      containerId: id,
      name: id,
      bundle: directory,
      pidFile: join(directory, 'pid'),
      runtime: oci.path,
      runtimeArguments: oci.arguments,
      tty: spec.tty,
      stdin: spec.openStdin,
      leaveStdinOpen: !closesInput(run.record),
      ...(run.record.log.enabled ? { logFile: join(paths.logDirectory(id), CURRENT) } : {}),
      exitDirectory: paths.exits,
      persistDirectory: directory,
    },
    request.held,
  );
  run.monitor = monitor;
  run.record = { ...run.record, monitor: { pid: monitor.pid, startTime: startTimeOf(monitor.pid) } };
  writeRunRecord(directory, run.record);
  if (cgroups.managed) cgroups.add(oci.managesCgroup ? monitorsCgroup(workshop) : run.record.cgroup, monitor.pid);
  monitor.release(true);
  const report = await monitor.reports.next();
  if (!report || report.data < 0) {
    const said = report?.message || (await monitor.ended).complaint || 'the monitor ended without a report';
    throw startFailure('create', said, run.record.command);
  }
  monitor.letGo();
  // From here on limits and statistics count only the container.
  if (cgroups.managed && !oci.managesCgroup) moveAside(workshop, monitor.pid);
  return report.data;
}

/** Puts a monitor beside the containers; one that has ended already needs no place. */
export function moveAside(workshop: Pick<Workshop, 'cgroups' | 'cgroupParent'>, pid: number): void {
  try {
    workshop.cgroups.add(monitorsCgroup(workshop), pid);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
  }
}

/** Where monitors live: beside the containers, out of their limits. */
export function monitorsCgroup(workshop: Pick<Workshop, 'cgroupParent'>): string {
  return posix.join('/', workshop.cgroupParent, 'monitors');
}

/** Whether the end of a client's input is the end of the process's. */
export function closesInput(record: Pick<RunRecord, 'openStdin' | 'stdinOnce' | 'tty'>): boolean {
  return record.openStdin && record.stdinOnce && !record.tty;
}

export function startTimeOf(pid: number): number {
  return Number(processStartTime(pid) ?? 0n);
}

/** True while this very process runs; one that has ended but was not waited for yet does not. */
export function isRunning(process: ProcessHandle): boolean {
  return process.startTime !== 0 && startTimeOf(process.pid) === process.startTime && processExists(process.pid);
}

/** Docker makes a working directory that the image lacks. */
function ensureWorkingDirectory(rootfs: string, directory: string): void {
  if (directory !== '/' && !statInRoot(rootfs, directory)) mkdirAllInRoot(rootfs, directory, { mode: 0o755 });
}
