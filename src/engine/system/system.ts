import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskFree, diskFree, readHostInfo, writeFileAtomic } from '../../host/index.ts';
import type { HostDescription, SystemInfo } from '../engine.ts';
import type { EngineParts } from '../parts.ts';
import { containerStorage } from './storage.ts';

/** What the operator configured and clients may see. */
export interface SystemOptions {
  labels: string[];
  insecureRegistries: string[];
  registryMirrors: string[];
  defaultRuntime: string;
  version: string;
}

export class System implements SystemInfo {
  #parts: EngineParts;
  #options: SystemOptions;
  #startedAt: string;
  #fixed: Promise<Omit<HostDescription, 'warnings'>> | undefined;

  constructor(parts: EngineParts, options: SystemOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#startedAt = parts.clock.timestamp();
  }

  async describe(): Promise<HostDescription> {
    this.#fixed ??= this.#collect();
    return { ...(await this.#fixed), warnings: diskWarnings(await diskFree(this.#parts.dataRoot)) };
  }

  containerStorage() {
    return containerStorage(this.#parts);
  }

  async #collect(): Promise<Omit<HostDescription, 'warnings'>> {
    const { dataRoot, runtime } = this.#parts;
    const host = readHostInfo();
    const [described, engineId] = await Promise.all([runtime.describe(), this.#engineId()]);
    const cgroupNamespaces = existsSync('/proc/self/ns/cgroup');
    return {
      kernelVersion: host.kernel,
      operatingSystem: host.osName,
      osVersion: host.osVersion,
      architecture: host.architecture,
      processors: host.processors,
      memory: host.memory,
      hostname: host.hostname,
      dataRoot,
      cgroupVersion: described.cgroupVersion,
      weighsBlockIo: described.weighsBlockIo,
      runtimes: described.runtimes,
      defaultRuntime: this.#options.defaultRuntime,
      monitorVersion: described.monitor?.version ?? 'not installed',
      initPath: described.init?.path ?? '',
      securityOptions: [
        ...(host.security.apparmor ? ['name=apparmor'] : []),
        ...(host.security.seccomp ? ['name=seccomp,profile=builtin'] : []),
        ...(cgroupNamespaces ? ['name=cgroupns'] : []),
      ],
      labels: this.#options.labels,
      insecureRegistries: this.#options.insecureRegistries,
      registryMirrors: this.#options.registryMirrors,
      engineId,
      startedAt: this.#startedAt,
    };
  }

  /** Made once for a data root and kept in it. */
  async #engineId(): Promise<string> {
    const path = join(this.#parts.dataRoot, 'engine-id');
    const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    if (known.trim() !== '') return known.trim();
    const hex = this.#parts.ids.next();
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
    await writeFileAtomic(path, `${id}\n`);
    return id;
  }
}

/** Below both, a disk is about to be full: a share of it, and bytes. */
const LITTLE_SHARE = 0.05;
const LITTLE_BYTES = 10 * 2 ** 30;

/** What people should know before the disk is full; shown by `info`. Pure. */
export function diskWarnings({ total, available }: Pick<DiskFree, 'total' | 'available'>): string[] {
  if (available >= total * LITTLE_SHARE || available >= LITTLE_BYTES) return [];
  const percent = ((available / total) * 100).toFixed(1);
  return [
    `WARNING: the disk of the data root is almost full: ${percent} % (${Math.round(available / 2 ** 20)} MiB) are free; see 'gantry why disk'`,
  ];
}
