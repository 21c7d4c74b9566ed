import { basename } from 'node:path';
import { GantryError } from '../base/index.ts';
import { run, which } from '../host/index.ts';
import type { SealedProgram } from './sealed-program.ts';

export interface RuntimeConfiguration {
  path: string;
  args?: readonly string[];
}

/** One configured OCI runtime, found on this host. */
export interface OciRuntime {
  name: string;
  /** What to run; not always the program's own file. */
  path: string;
  /** Global arguments before the verb. */
  arguments: readonly string[];
  /** It makes and fills the container's cgroup itself; otherwise its child is born in ours. */
  managesCgroup: boolean;
  /** Removing its state directory is all that its `delete` would do once the process and the cgroup are gone. */
  plainState: boolean;
  /** It takes a compiled seccomp filter. */
  takesFilter: boolean;
}

/** The OCI runtimes by name. One that is missing is an error only when it is used. */
export class OciRuntimes {
  #configured: Record<string, RuntimeConfiguration>;
  #defaultName: string;
  #stateRoot: (name: string) => string;
  #ownCgroups: boolean;
  #sealed: SealedProgram;
  #versions = new Map<string, Promise<string>>();

  /** `ownCgroups`: Gantry makes the cgroups (cgroup v1). */
  constructor(
    configured: Record<string, RuntimeConfiguration>,
    defaultName: string,
    stateRoot: (name: string) => string,
    ownCgroups: boolean,
    sealed: SealedProgram,
  ) {
    this.#configured = { crun: { path: 'crun' }, runc: { path: 'runc' }, ...configured };
    this.#defaultName = defaultName;
    this.#stateRoot = stateRoot;
    this.#ownCgroups = ownCgroups;
    this.#sealed = sealed;
  }

  /** Errors: `invalid` for a name that is not configured, `unavailable` for a program that is not installed. */
  get(name: string): OciRuntime {
    const chosen = name || this.#defaultName;
    const configured = this.#configured[chosen];
    if (!configured)
      throw new GantryError('invalid', `unknown or invalid runtime name: ${chosen}`, {
        hint: `Known are ${Object.keys(this.#configured).join(', ')}`,
      });
    const path = which(configured.path);
    if (!path) {
      throw new GantryError('unavailable', `OCI runtime "${chosen}" is not installed: ${configured.path} is not there`, {
        hint: `Install it, or choose another with --runtime: ${this.#installed().join(', ') || 'none is installed'}`,
      });
    }
    const isCrun = basename(path).includes('crun');
    const own = this.#ownCgroups && isCrun;
    return {
      name: chosen,
      path: isCrun ? this.#sealed.path(path) : path,
      arguments: [`--root=${this.#stateRoot(chosen)}`, ...(own ? ['--cgroup-manager=disabled'] : []), ...(configured.args ?? [])],
      managesCgroup: !own,
      plainState: own,
      takesFilter: isCrun,
    };
  }

  /** The installed ones with their versions. */
  async describe(): Promise<Record<string, { path: string; version: string }>> {
    const entries = Object.keys(this.#configured).map(async (name) => {
      const path = which(this.#configured[name]?.path ?? name);
      return path ? ([[name, { path, version: await this.version(path) }]] as const) : [];
    });
    return Object.fromEntries((await Promise.all(entries)).flat());
  }

  /** The version that a program tells with --version; asked once. */
  version(path: string): Promise<string> {
    const known = this.#versions.get(path) ?? askVersion(path);
    this.#versions.set(path, known);
    return known;
  }

  #installed(): string[] {
    return Object.keys(this.#configured).filter((name) => which(this.#configured[name]?.path ?? name));
  }
}

async function askVersion(path: string): Promise<string> {
  const { code, stdout } = await run(path, ['--version'], { allowFailure: true, timeout: 5000 });
  return (code === 0 && /version\s+(\S+)/.exec(stdout)?.[1]) || 'unknown';
}
