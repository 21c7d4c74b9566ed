import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../base/index.ts';
import type { OciSpec } from './spec/index.ts';

/** crun(1): the filter itself, base64, in place of the seccomp section. */
const ANNOTATION = 'run.oci.seccomp_bpf_data';
/** Where crun leaves the filter that it compiled, in the container's state directory. */
const COMPILED = 'seccomp.bpf';
const LARGEST_MEMORY = 16;

/**
 * Compiled seccomp filters by profile. Compiling Docker's profile takes crun longer than all the rest of a create,
 * and nearly every container has the same: the first one's filter is kept and handed to the next.
 */
export class SeccompCache {
  #directory: string;
  #filters = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The configuration to write, and what to call with the state directory once the runtime has taken it. */
  apply(spec: OciSpec): { spec: OciSpec; learn(stateDirectory: string): void } {
    const { seccomp } = spec.linux;
    // Flags and listeners are not in the filter.
    if (!seccomp || seccomp.flags?.length || seccomp.listenerPath || spec.annotations?.[ANNOTATION]) return { spec, learn: () => {} };
    const key = sha256(JSON.stringify(seccomp));
    const filter = this.#find(key);
    if (filter === undefined) return { spec, learn: (stateDirectory) => this.#learn(key, join(stateDirectory, COMPILED)) };
    const { seccomp: _replaced, ...linux } = spec.linux;
    return { spec: { ...spec, annotations: { ...spec.annotations, [ANNOTATION]: filter }, linux }, learn: () => {} };
  }

  #find(key: string): string | undefined {
    const known = this.#filters.get(key);
    if (known !== undefined) return known;
    const file = join(this.#directory, key);
    return existsSync(file) ? this.#keep(key, readFileSync(file)) : undefined;
  }

  #learn(key: string, compiled: string): void {
    if (!existsSync(compiled)) return;
    const filter = readFileSync(compiled);
    // A filter is a list of 8-byte instructions.
    if (filter.length === 0 || filter.length % 8 !== 0) return;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const file = join(this.#directory, key);
    writeFileSync(`${file}.new`, filter, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    this.#keep(key, filter);
  }

  #keep(key: string, filter: Buffer): string {
    if (this.#filters.size >= LARGEST_MEMORY) this.#filters.clear();
    const encoded = filter.toString('base64');
    this.#filters.set(key, encoded);
    return encoded;
  }
}
