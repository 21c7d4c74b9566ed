import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';

/** States of include/net/tcp_states.h. */
const ESTABLISHED = '01';
const CLOSE_WAIT = '08';
const LISTEN = '0A';

/**
 * How many connections of others the servers of a network namespace have, as the process `pid` is in it (/proc/PID/net/tcp and tcp6).
 * Those over loopback are its own business. 0 when the process is gone.
 */
export function connectionCount(pid: number): number {
  return countConnections(['tcp', 'tcp6'].map((file) => read(`/proc/${pid}/net/${file}`)));
}

/** A line is `sl local remote state …`; addresses are hexadecimal, with the port after a colon. */
export function countConnections(tables: readonly string[]): number {
  const sockets = tables.flatMap((table) =>
    table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .map(([, local = '', remote = '', state = '']) => ({ port: local.split(':')[1] ?? '', remote, state })),
  );
  const served = new Set(sockets.filter(({ state }) => state === LISTEN).map(({ port }) => port));
  return sockets.filter(
    ({ port, remote, state }) => served.has(port) && (state === ESTABLISHED || state === CLOSE_WAIT) && !isLoopback(remote),
  ).length;
}

/** 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, in the kernel's byte order of each 32 bits on little-endian machines. */
function isLoopback(remote: string): boolean {
  const address = remote.split(':')[0] ?? '';
  if (address.length === 8) return address.endsWith('7F');
  return address === '00000000000000000000000001000000' || (address.startsWith('0000000000000000FFFF0000') && address.endsWith('7F'));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    const code = errnoOf(error);
    // EINVAL: a zombie, which has no namespace any more. tcp6 is missing without IPv6.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return '';
    throw error;
  }
}
