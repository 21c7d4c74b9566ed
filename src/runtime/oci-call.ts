import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type Clock, errnoOf, GantryError } from '../base/index.ts';
import { createPipe, devNull, startQuickly } from '../host/index.ts';
import type { OciRuntime } from './oci-runtimes.ts';

/** What a pipe holds at most. */
const LARGEST_COMPLAINT = 65_536;

/** Runs one verb of an OCI runtime to its end. Resolves to its exit code and what it complained of. */
export async function callRuntime(
  oci: OciRuntime,
  verb: readonly string[],
  timeout: number,
  clock: Clock,
): Promise<{ code: number; complaint: string }> {
  const complaints = createPipe();
  try {
    const child = startChild(oci, verb, complaints.writeEnd);
    let late = false;
    const cancel = clock.later(timeout, () => {
      late = true;
      child.kill('SIGKILL');
    });
    const { code } = await child.exit;
    cancel();
    if (late) throw new GantryError('unavailable', `${oci.name} ${verb[0]} did not end within ${timeout / 1000} seconds`);
    return { code: code ?? 128, complaint: code === 0 ? '' : readAll(complaints.readEnd) };
  } finally {
    closeSync(complaints.readEnd);
  }
}

function startChild(oci: OciRuntime, verb: readonly string[], errors: number) {
  try {
    return startQuickly({
      program: oci.path,
      arguments: [...oci.arguments, ...verb],
      environment: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      descriptors: [devNull(), devNull(), errors],
    });
  } finally {
    closeSync(errors);
  }
}

/** All that is in a pipe now, never waiting: whoever may still hold its other end has nothing to add. */
function readAll(pipe: number): string {
  const fd = openSync(`/proc/self/fd/${pipe}`, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(LARGEST_COMPLAINT);
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return '';
    throw error;
  } finally {
    closeSync(fd);
  }
}
