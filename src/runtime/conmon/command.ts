export interface MonitorCommand {
  containerId: string;
  name: string;
  bundle: string;
  pidFile: string;
  /** Absolute path of the OCI runtime and its own arguments before the verb. */
  runtime: string;
  runtimeArguments: readonly string[];
  tty: boolean;
  stdin: boolean;
  /** Keep the process's standard input open when the writer goes away. */
  leaveStdinOpen: boolean;
  /** Absent: nothing is logged. */
  logFile?: string;
  exitDirectory?: string;
  /** Takes conmon's `oom` file. */
  persistDirectory?: string;
  exec?: { processSpec: string; attach: boolean };
}

/** conmon's argument list (conmon(8)); `--sync` keeps it our child, so its death is noticed at once. */
export function monitorArguments(command: MonitorCommand): string[] {
  const { exec } = command;
  return [
    '--api-version',
    '1',
    '--sync',
    '--no-sync-log',
    '--full-attach',
    '--log-level',
    'error',
    '-c',
    command.containerId,
    '-u',
    exec ? command.name : command.containerId,
    '-n',
    command.name,
    '-b',
    command.bundle,
    '-p',
    command.pidFile,
    '-r',
    command.runtime,
    ...command.runtimeArguments.flatMap((argument) => ['--runtime-arg', argument]),
    '-l',
    command.logFile === undefined ? 'none' : `k8s-file:${command.logFile}`,
    ...(command.tty ? ['-t'] : []),
    ...(command.stdin ? ['-i'] : []),
    ...(command.leaveStdinOpen ? ['--leave-stdin-open'] : []),
    ...(command.exitDirectory === undefined ? [] : ['--exit-dir', command.exitDirectory]),
    ...(command.persistDirectory === undefined ? [] : ['--persist-dir', command.persistDirectory]),
    ...(exec ? ['-e', '--exec-process-spec', exec.processSpec] : []),
    ...(exec?.attach ? ['--exec-attach'] : []),
  ];
}
