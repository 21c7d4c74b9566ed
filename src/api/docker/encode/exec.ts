import type { ExecRecord } from '../../../model/index.ts';

/** The document of `GET /exec/{id}/json`. */
export function encodeExec(record: ExecRecord): Record<string, unknown> {
  const { spec } = record;
  return {
    ID: record.id,
    Running: record.running,
    ExitCode: record.exitCode ?? null,
    ProcessConfig: {
      tty: spec.tty,
      entrypoint: spec.command[0] ?? '',
      arguments: spec.command.slice(1),
      privileged: spec.privileged,
      ...(spec.user ? { user: spec.user } : {}),
    },
    OpenStdin: spec.attachStdin,
    OpenStderr: spec.attachStderr,
    OpenStdout: spec.attachStdout,
    CanRemove: record.exitCode !== undefined,
    ContainerID: record.containerId,
    DetachKeys: spec.detachKeys,
    Pid: record.pid,
  };
}
