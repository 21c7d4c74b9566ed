import { chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { conflict, errnoOf, invalid } from '../../base/index.ts';

/** Mode of a fresh socket is 0666 less this: root and the group may connect, nobody else. */
const SOCKET_UMASK = 0o117;

/**
 * Makes the way free for a unix socket: a stale one is removed, and only when nobody listens on it.
 * Fails with `conflict` when somebody does, or when something other than a socket is there.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw conflict(`cannot listen on ${path}: a file that is not a socket is there`);
  if (await somebodyListens(path)) throw conflict(`cannot listen on ${path}: another process listens there`);
  unlinkSync(path);
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      const errno = errnoOf(error);
      if (errno === 'ECONNREFUSED' || errno === 'ENOENT') resolve(false);
      // EAGAIN: its queue of connections is full, so somebody is there.
      else if (errno === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

/** Listens with the right mode from the first moment on: libuv binds within the call. */
export function listenOnSocket(server: Server, path: string, group: string | undefined): void {
  const gid = group === undefined || group === '' ? undefined : groupId(group);
  const before = process.umask(SOCKET_UMASK);
  try {
    server.listen({ path });
  } finally {
    process.umask(before);
  }
  if (gid !== undefined) server.once('listening', () => chownSync(path, 0, gid));
}

/** Numeric id of a group given by name or number. Fails with `invalid` when /etc/group has no such name. */
export function groupId(group: string, file = '/etc/group'): number {
  if (/^\d+$/.test(group)) return Number(group);
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [name, , id] = line.split(':');
    if (name === group && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  throw invalid(`group ${group} not found in ${file}`);
}
