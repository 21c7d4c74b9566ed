import { constants } from 'node:os';
import { O_CLOEXEC } from './files.ts';
import { check, failure, lastErrno, native } from './library.ts';
import { setSocketOption } from './netlink.ts';

/**
 * Sockets of the internet made by hand: one belongs to the network namespace of the thread that makes it, and Node can
 * only make them where the daemon itself is. They do not block, close on exec, and are handed to Node by their descriptor.
 */
const KINDS = { udp: 2, tcp: 1 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_NONBLOCK = 0o4000;
const BACKLOG = 128;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;

export type InetKind = keyof typeof KINDS;

/** Unbound. Addresses are given in their four or sixteen bytes. */
export function openInet(kind: InetKind, family: 4 | 6): number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  return check(native('socket', 'int', 'int', 'int', 'int')(domain, KINDS[kind] | O_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
}

/** Fails with EADDRINUSE when another has the port. Port 0 takes any that is free. */
export function bindInet(fd: number, address: Uint8Array, port: number): void {
  const name = socketAddress(address, port);
  check(native('bind', 'int', 'int', 'const void *', 'uint32_t')(fd, name, name.length), 'bind');
}

export function listenInet(fd: number): void {
  check(native('listen', 'int', 'int', 'int')(fd, BACKLOG), 'listen');
}

/** Starts to connect and does not wait. */
export function connectInet(fd: number, address: Uint8Array, port: number): void {
  const name = socketAddress(address, port);
  if (native('connect', 'int', 'int', 'const void *', 'uint')(fd, name, name.length) === 0) return;
  const errno = lastErrno();
  if (errno !== constants.errno.EINPROGRESS) throw failure('connect', errno, undefined);
}

/** How many bytes may wait to be read, with what the kernel adds to each datagram. Beyond what the host allows (`rmem_max`) only for who may. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  const half = Buffer.alloc(4);
  // The kernel doubles it, socket(7).
  half.writeInt32LE(bytes >> 1);
  if (setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, half) === 0) return;
  const errno = setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, half);
  if (errno !== 0) throw failure('setsockopt', -errno, undefined);
}

/** The port that a socket was given. */
export function portOfInet(fd: number): number {
  const name = Buffer.alloc(28);
  const length = new Uint32Array([name.length]);
  check(native('getsockname', 'int', 'int', 'void *', 'void *')(fd, name, length), 'getsockname');
  return name.readUInt16BE(2);
}

/** sockaddr_in or sockaddr_in6, by the length of the address. */
function socketAddress(address: Uint8Array, port: number): Buffer {
  const isFour = address.length === 4;
  const name = Buffer.alloc(isFour ? 16 : 28);
  name.writeUInt16LE(isFour ? AF_INET : AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, isFour ? 4 : 8);
  return name;
}

const SIOCGIFINDEX = 0x8933;

/** The index of a network device by its name, in the namespace of `fd`, without waiting for the kernel's lock; undefined when there is none. */
export function indexOfDevice(fd: number, name: string): number | undefined {
  // struct ifreq: the name in 16 bytes, then the answer.
  const request = Buffer.alloc(40);
  request.write(name, 'latin1');
  const call = native('ioctl#ifreq', 'int', 'int', 'ulong', 'void *');
  return call(fd, SIOCGIFINDEX, request) < 0 ? undefined : request.readInt32LE(16);
}
