import { mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, GantryError, invalid, unsupported } from '../../base/index.ts';
import type { DeviceRule, ResolvedMount, ResourceLimits, ResourceUsage } from '../../model/index.ts';
import { signalProcess } from '../processes.ts';
import type { Cgroups, LimitWrite } from './cgroups.ts';
import { formatRule } from './devices.ts';
import {
  checkPath,
  childNames,
  deviceNumber,
  exists,
  isGone,
  parseTable,
  pidsBelow,
  readValue,
  removeFolder,
  writeValues,
} from './hierarchies.ts';
import { planVersion1 } from './limits.ts';
import { blockIoVersion1, processorUsage } from './usage.ts';

const WAIT_MS = 10_000;
const POLL_MS = 2;

/** cgroup v1, also the controllers of a hybrid set-up: Gantry makes the cgroups itself, one in each hierarchy. */
export class CgroupsVersion1 implements Cgroups {
  readonly version = 'v1';
  readonly managed = true;
  readonly weighsBlockIo: boolean;
  readonly #folders: ReadonlyMap<string, string>;
  /** Each hierarchy once, though controllers may share one. */
  readonly #hierarchies: readonly string[];

  constructor(folders: ReadonlyMap<string, string>) {
    this.#folders = folders;
    const blkio = folders.get('blkio');
    this.weighsBlockIo = blkio !== undefined && exists(`${blkio}/blkio.weight`);
    this.#hierarchies = [...new Set(folders.values())];
  }

  create(path: string, limits: ResourceLimits, deviceRules: readonly DeviceRule[]): void {
    const parts = checkPath(path)
      .split('/')
      .filter((part) => part !== '');
    for (const hierarchy of this.#hierarchies) this.#makeFolders(hierarchy, parts);
    const devices = this.#folder('devices', path);
    if (devices !== undefined)
      for (const rule of deviceRules) writeValues(`${devices}/devices.${rule.allow ? 'allow' : 'deny'}`, formatRule(rule));
    this.apply(path, limits);
  }

  apply(path: string, limits: ResourceLimits): void {
    for (const write of planVersion1(limits, deviceNumber, this.#raisesMemory(path, limits))) {
      const folder = this.#folder(write.controller, path);
      if (write.field === 'blkioWeight' && !this.weighsBlockIo) continue;
      if (folder === undefined) throw refusal(write, 'its controller is not mounted');
      writeLimit(folder, write, limits);
    }
  }

  add(path: string, pid: number): void {
    checkPath(path);
    for (const hierarchy of this.#hierarchies) {
      try {
        writeValues(`${hierarchy}${path}/cgroup.procs`, String(pid));
      } catch (error) {
        if (errnoOf(error) === 'ESRCH') throw new GantryError('notFound', `Process ${pid} has ended`, { cause: error });
        throw new GantryError('internal', `Could not put process ${pid} into the cgroup ${hierarchy}${path}`, { cause: error });
      }
    }
  }

  processes(path: string): number[] {
    return pidsBelow(this.#main(path));
  }

  exists(path: string): boolean {
    // In any of them: what a crash left of a removal must be found.
    return this.#hierarchies.some((hierarchy) => exists(`${hierarchy}${checkPath(path)}`));
  }

  async freeze(path: string): Promise<void> {
    await this.#setFreezer(path, 'FROZEN');
  }

  async thaw(path: string): Promise<void> {
    await this.#setFreezer(path, 'THAWED');
  }

  async kill(path: string): Promise<void> {
    for (let waited = 0; ; waited += POLL_MS) {
      const pids = this.processes(path);
      if (pids.length === 0) return;
      if (waited > WAIT_MS) throw new GantryError('unavailable', `Processes ${pids.slice(0, 5).join(', ')} of ${path} do not die`);
      for (const pid of pids) signalProcess(pid, 'SIGKILL');
      // A frozen process dies only when it is thawed.
      this.#requestState(path, 'THAWED');
      await sleep(POLL_MS);
    }
  }

  stats(path: string): ResourceUsage | undefined {
    const read = (controller: string, file: string) => {
      const folder = this.#folder(controller, path);
      return folder === undefined ? undefined : readValue(`${folder}/${file}`);
    };
    const cpu = read('cpuacct', 'cpuacct.usage_all');
    if (cpu === undefined) return undefined;
    const throttling = parseTable(read('cpu', 'cpu.stat') ?? '');
    const pidsLimit = Number(read('pids', 'pids.max'));
    return {
      cpu: {
        ...processorUsage(cpu),
        throttling: {
          periods: throttling['nr_periods'] ?? 0,
          throttledPeriods: throttling['nr_throttled'] ?? 0,
          throttledTime: throttling['throttled_time'] ?? 0,
        },
      },
      memory: {
        usage: Number(read('memory', 'memory.usage_in_bytes') ?? 0),
        peak: Number(read('memory', 'memory.max_usage_in_bytes') ?? 0),
        limit: Math.min(Number(read('memory', 'memory.limit_in_bytes') ?? Infinity), totalmem()),
        failures: Number(read('memory', 'memory.failcnt') ?? 0),
        stat: parseTable(read('memory', 'memory.stat') ?? ''),
      },
      pids: { current: Number(read('pids', 'pids.current') ?? 0), limit: Number.isFinite(pidsLimit) ? pidsLimit : 0 },
      blockIo: blockIoVersion1(
        read('blkio', 'blkio.throttle.io_service_bytes_recursive') ?? '',
        read('blkio', 'blkio.throttle.io_serviced_recursive') ?? '',
      ),
      cgroupVersion: 'v1',
    };
  }

  oomKills(path: string): number {
    const folder = this.#folder('memory', path);
    return folder === undefined ? 0 : (parseTable(readValue(`${folder}/memory.oom_control`) ?? '')['oom_kill'] ?? 0);
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await Promise.all(this.#hierarchies.map((hierarchy) => removeFolder(`${hierarchy}${path}`)));
  }

  list(parent: string): string[] {
    return [...new Set(this.#hierarchies.flatMap((hierarchy) => childNames(`${hierarchy}${parent}`)))];
  }

  mountsForContainer(path: string): ResolvedMount[] {
    const target = '/sys/fs/cgroup';
    const binds = this.#hierarchies.map(
      (hierarchy): ResolvedMount => ({
        type: 'bind',
        source: `${hierarchy}${checkPath(path)}`,
        target: `${target}/${basename(hierarchy)}`,
        options: ['bind', 'ro', 'nosuid', 'noexec', 'nodev'],
      }),
    );
    return [{ type: 'tmpfs', source: 'tmpfs', target, options: ['nosuid', 'noexec', 'nodev', 'ro', 'mode=755', 'size=64k'] }, ...binds];
  }

  #folder(controller: string, path: string): string | undefined {
    const folder = this.#folders.get(controller);
    return folder === undefined ? undefined : `${folder}${checkPath(path)}`;
  }

  /** The hierarchy that is asked where any would do. */
  #main(path: string): string {
    return this.#folder('pids', path) ?? `${this.#hierarchies[0]}${checkPath(path)}`;
  }

  #makeFolders(hierarchy: string, parts: readonly string[]): void {
    let folder = hierarchy;
    for (const part of parts) {
      const parent = folder;
      folder = `${folder}/${part}`;
      try {
        mkdirSync(folder);
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') continue;
        throw new GantryError('internal', `Could not make the cgroup ${folder}`, { cause: error });
      }
      if (hierarchy === this.#folders.get('cpuset')) fillCpuset(parent, folder);
    }
  }

  /** Raising must lift memory + swap before memory, lowering the other way round. */
  #raisesMemory(path: string, limits: ResourceLimits): boolean {
    const folder = this.#folder('memory', path);
    if (limits.memory === undefined || limits.memorySwap === undefined || folder === undefined) return false;
    const current = Number(readValue(`${folder}/memory.memsw.limit_in_bytes`) ?? Infinity);
    return limits.memory <= 0 || limits.memory > current;
  }

  /** False when the cgroup is gone. */
  #requestState(path: string, state: 'FROZEN' | 'THAWED'): boolean {
    const folder = this.#folder('freezer', path);
    if (folder === undefined) throw unsupported('Pausing needs the freezer controller, which is not mounted');
    try {
      writeValues(`${folder}/freezer.state`, state);
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  async #setFreezer(path: string, state: 'FROZEN' | 'THAWED'): Promise<void> {
    for (let waited = 0; ; waited += POLL_MS) {
      // Asked again each time: a process that forks meanwhile would hold the cgroup in FREEZING.
      if (!this.#requestState(path, state)) throw new GantryError('notFound', `The cgroup ${path} is gone`);
      if (readValue(`${this.#folder('freezer', path)}/freezer.state`)?.trim() === state) return;
      if (waited > WAIT_MS) {
        this.#requestState(path, 'THAWED');
        throw new GantryError('unavailable', `The processes of ${path} did not stand still within ${WAIT_MS / 1000} seconds`);
      }
      await sleep(POLL_MS);
    }
  }
}

/** A new cpuset is empty and takes no process; unless its parent clones, it gets what the parent has. */
function fillCpuset(parent: string, folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readValue(`${folder}/${file}`)?.trim() === '') writeValues(`${folder}/${file}`, readValue(`${parent}/${file}`)?.trim() ?? '');
  }
}

const refusal = ({ field, value }: LimitWrite, why: string) => unsupported(`The limit ${field} (${value}) can't be set here: ${why}`);

function writeLimit(folder: string, write: LimitWrite, limits: ResourceLimits): void {
  const file = `${folder}/${write.file}`;
  try {
    writeValues(file, write.value);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' && exists(folder)) {
      // Memory + swap as Docker derives it is a default, not a wish: without swap accounting it goes without saying.
      if (write.field === 'memorySwap' && ((limits.memorySwap ?? -1) < 0 || limits.memorySwap === 2 * (limits.memory ?? 0))) return;
      throw refusal(write, `the kernel has no ${write.file}`);
    }
    if (code === 'EBUSY' && write.field === 'memory')
      throw new GantryError('conflict', `The memory limit ${write.value} is below what the container uses now`, { cause: error });
    if (code === 'EINVAL' || code === 'ERANGE' || code === 'EACCES' || code === 'ENODEV')
      throw invalid(`The kernel refuses "${write.value}" for ${write.field} (${write.file}: ${code})`);
    throw new GantryError('internal', `Could not write "${write.value}" to ${file}`, { cause: error });
  }
}
