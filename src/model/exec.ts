/** A further process in a running container. Kept in memory: it does not outlive its container's run. */
export interface ExecSpec {
  command: string[];
  environment: string[];
  user: string;
  workingDirectory: string;
  tty: boolean;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  privileged: boolean;
  /** Docker's notation; empty means ctrl-p,ctrl-q. */
  detachKeys: string;
}

export interface ExecRecord {
  id: string;
  containerId: string;
  spec: ExecSpec;
  running: boolean;
  started: boolean;
  pid: number;
  exitCode: number | undefined;
}
