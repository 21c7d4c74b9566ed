import { join } from 'node:path';

/** Where the runtime room keeps what belongs to a container. */
export class RuntimePaths {
  readonly containers: string;
  readonly exits: string;
  readonly oci: string;
  readonly logs: string;

  constructor(dataRoot: string, execRoot: string) {
    this.containers = join(execRoot, 'containers');
    this.exits = join(execRoot, 'exits');
    this.oci = join(execRoot, 'oci');
    this.logs = join(dataRoot, 'containers');
  }

  /** The bundle and persist directory of one run. */
  run(id: string): string {
    return join(this.containers, id);
  }

  exec(id: string, execId: string): string {
    return join(this.run(id), 'exec', execId);
  }

  exit(id: string): string {
    return join(this.exits, id);
  }

  /** The state root of one OCI runtime. */
  ociRoot(runtime: string): string {
    return join(this.oci, runtime);
  }

  logDirectory(id: string): string {
    return join(this.logs, id);
  }
}
