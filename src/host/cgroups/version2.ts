import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, GantryError, invalid, unsupported } from '../../base/index.ts';
import type { ResolvedMount, ResourceLimits, ResourceUsage } from '../../model/index.ts';
import { signalProcess } from '../processes.ts';
import type { Cgroups } from './cgroups.ts';
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
import { planVersion2 } from './limits.ts';
import { blockIoVersion2 } from './usage.ts';

const WAIT_MS = 10_000;
const POLL_MS = 2;
const orInfinity = (text: string | undefined) => (text === undefined || text.trim() === 'max' ? Infinity : Number(text));

/** Pure cgroup v2: the OCI runtime makes the cgroup (device rules are BPF programs there); Gantry reads, updates and ends it. */
export class CgroupsVersion2 implements Cgroups {
  readonly version = 'v2';
  readonly managed = false;
  readonly weighsBlockIo: boolean;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.weighsBlockIo = (readValue(`${root}/cgroup.controllers`) ?? '').split(/\s/).includes('io');
  }

  create(path: string): void {
    throw new GantryError('internal', `The cgroup ${path} is the OCI runtime's to make on cgroup v2`);
  }

  add(path: string): void {
    throw new GantryError('internal', `The cgroup ${path} is the OCI runtime's to fill on cgroup v2`);
  }

  apply(path: string, limits: ResourceLimits): void {
    for (const { field, file, value } of planVersion2(limits, deviceNumber)) {
      if (field === 'blkioWeight' && !this.weighsBlockIo) continue;
      try {
        writeValues(`${this.#folder(path)}/${file}`, value);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT' && this.exists(path))
          throw unsupported(`The limit ${field} (${value}) can't be set here: the cgroup has no ${file}`);
        throw invalid(`The kernel refuses "${value}" for ${field} (${file}: ${errnoOf(error)})`);
      }
    }
  }

  processes(path: string): number[] {
    return pidsBelow(this.#folder(path));
  }

  exists(path: string): boolean {
    return exists(this.#folder(path));
  }

  async freeze(path: string): Promise<void> {
    await this.#setFreezer(path, 1);
  }

  async thaw(path: string): Promise<void> {
    await this.#setFreezer(path, 0);
  }

  async kill(path: string): Promise<void> {
    const folder = this.#folder(path);
    for (let waited = 0; ; waited += POLL_MS) {
      const pids = pidsBelow(folder);
      if (pids.length === 0) return;
      if (waited > WAIT_MS) throw new GantryError('unavailable', `Processes ${pids.slice(0, 5).join(', ')} of ${path} do not die`);
      // cgroup.kill came with Linux 5.14; it reaches frozen processes and those that fork meanwhile.
      if (exists(`${folder}/cgroup.kill`)) this.#writeIfThere(`${folder}/cgroup.kill`, '1');
      else for (const pid of pids) signalProcess(pid, 'SIGKILL');
      await sleep(POLL_MS);
    }
  }

  stats(path: string): ResourceUsage | undefined {
    const read = (file: string) => readValue(`${this.#folder(path)}/${file}`);
    const cpuText = read('cpu.stat');
    if (cpuText === undefined) return undefined;
    const cpu = parseTable(cpuText);
    const microseconds = (name: string) => (cpu[name] ?? 0) * 1000;
    const peak = read('memory.peak');
    const pidsLimit = orInfinity(read('pids.max'));
    return {
      cpu: {
        total: microseconds('usage_usec'),
        user: microseconds('user_usec'),
        system: microseconds('system_usec'),
        perProcessor: [],
        throttling: {
          periods: cpu['nr_periods'] ?? 0,
          throttledPeriods: cpu['nr_throttled'] ?? 0,
          throttledTime: microseconds('throttled_usec'),
        },
      },
      memory: {
        usage: Number(read('memory.current') ?? 0),
        ...(peak === undefined ? {} : { peak: Number(peak) }),
        limit: Math.min(orInfinity(read('memory.max')), totalmem()),
        stat: parseTable(read('memory.stat') ?? ''),
      },
      pids: { current: Number(read('pids.current') ?? 0), limit: Number.isFinite(pidsLimit) ? pidsLimit : 0 },
      blockIo: blockIoVersion2(read('io.stat') ?? ''),
      cgroupVersion: 'v2',
    };
  }

  oomKills(path: string): number {
    return parseTable(readValue(`${this.#folder(path)}/memory.events`) ?? '')['oom_kill'] ?? 0;
  }

  async remove(path: string): Promise<void> {
    await removeFolder(this.#folder(path));
  }

  list(parent: string): string[] {
    return childNames(`${this.#root}${parent}`);
  }

  mountsForContainer(_path: string, namespace: 'private' | 'host'): ResolvedMount[] {
    const options = ['ro', 'nosuid', 'noexec', 'nodev'];
    if (namespace === 'host') return [{ type: 'bind', source: this.#root, target: '/sys/fs/cgroup', options: ['rbind', ...options] }];
    return [{ type: 'cgroup', source: 'cgroup', target: '/sys/fs/cgroup', options }];
  }

  #folder(path: string): string {
    return `${this.#root}${checkPath(path)}`;
  }

  #writeIfThere(file: string, value: string): boolean {
    try {
      writeValues(file, value);
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  async #setFreezer(path: string, frozen: 0 | 1): Promise<void> {
    const folder = this.#folder(path);
    if (!this.#writeIfThere(`${folder}/cgroup.freeze`, String(frozen))) throw new GantryError('notFound', `The cgroup ${path} is gone`);
    for (let waited = 0; parseTable(readValue(`${folder}/cgroup.events`) ?? '')['frozen'] !== frozen; waited += POLL_MS) {
      if (waited > WAIT_MS) {
        this.#writeIfThere(`${folder}/cgroup.freeze`, '0');
        throw new GantryError('unavailable', `The processes of ${path} did not stand still within ${WAIT_MS / 1000} seconds`);
      }
      await sleep(POLL_MS);
    }
  }
}
