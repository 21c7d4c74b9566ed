import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';

/** A socket of this network namespace that takes what is sent to a port. */
export interface Listener {
  protocol: 'tcp' | 'udp';
  family: 4 | 6;
  /** As the kernel tells it: eight or thirty-two digits, words of four bytes in the order of the machine. All zeros means every address. */
  address: string;
  port: number;
  inode: number;
}

const TCP_LISTEN = '0A';
/** A UDP socket that has no peer. */
const UDP_OPEN = '07';

/**
 * Sockets that listen, from /proc/net (proc(5)). Read at once on the main thread: /proc/net is that of the thread's namespace, and
 * only the main thread knows in which it is.
 */
export function listListeners(protocol: 'tcp' | 'udp'): Listener[] {
  return ([4, 6] as const).flatMap((family) => {
    const [, ...lines] = readProc(`/proc/net/${protocol}${family === 6 ? '6' : ''}`).split('\n');
    return lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== (protocol === 'tcp' ? TCP_LISTEN : UDP_OPEN)) return [];
      const [address = '', port = ''] = local.split(':');
      return [{ protocol, family, address, port: Number.parseInt(port, 16), inode: Number(inode) }];
    });
  });
}

export interface SocketOwner {
  pid: number;
  /** The command's name, 15 bytes at most. */
  name: string;
  /** Lines of /proc/PID/cgroup: containers are told by them. */
  cgroup: string;
}

/** The process that has a socket open; undefined when none is found, such as a socket of the kernel's own. */
export function ownerOfSocket(inode: number): SocketOwner | undefined {
  return ownersOfSockets(new Set([inode])).get(inode);
}

/** The same for many sockets in one look at all processes. */
export function ownersOfSockets(inodes: ReadonlySet<number>): Map<number, SocketOwner> {
  const owners = new Map<number, SocketOwner>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? 0);
      if (!inodes.has(inode) || owners.has(inode)) continue;
      owners.set(inode, { pid: Number(pid), name: readProc(`/proc/${pid}/comm`).trim(), cgroup: readProc(`/proc/${pid}/cgroup`) });
      if (owners.size === inodes.size) return owners;
    }
  }
  return owners;
}

/** Processes and descriptors come and go while one looks. */
function tolerant<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EINVAL'].includes(errnoOf(error) ?? '')) return otherwise;
    throw error;
  }
}

const readProc = (path: string) => tolerant(() => readFileSync(path, 'utf8'), '');
const namesIn = (path: string) => tolerant(() => readdirSync(path), []);
const linkOf = (path: string) => tolerant(() => readlinkSync(path), '');
