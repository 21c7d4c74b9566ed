import { O_CLOEXEC } from './files.ts';
import { lastErrno, native } from './library.ts';

/**
 * Calls on netlink sockets. They fail in the way of the kernel, by a negative errno: some of those are everyday news
 * (nothing there now, too much at once) and no errors to their callers.
 */
const AF_NETLINK = 16;
const SOCK_RAW = 3;

const orErrno = (result: number) => (result < 0 ? -lastErrno() : result);

/** A descriptor that closes on exec. */
export function openNetlink(protocol: number): number {
  return orErrno(native('socket', 'int', 'int', 'int', 'int')(AF_NETLINK, SOCK_RAW | O_CLOEXEC, protocol));
}

/** Binds to one multicast group, counted from 1. */
export function joinNetlinkGroup(fd: number, group: number): number {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(1 << (group - 1), 8);
  return orErrno(native('bind', 'int', 'int', 'const void *', 'uint32_t')(fd, address, address.length));
}

export function setSocketOption(fd: number, level: number, option: number, value: Uint8Array): number {
  const call = native('setsockopt', 'int', 'int', 'int', 'int', 'const void *', 'uint32_t');
  return orErrno(call(fd, level, option, value, value.length));
}

/** The length of the datagram that is now in `buffer`. */
export function receiveDatagram(fd: number, buffer: Uint8Array, flags: number): number {
  return orErrno(Number(native('recv', 'long', 'int', 'void *', 'size_t', 'int')(fd, buffer, buffer.length, flags)));
}

/** Sends on a worker thread, for the kernel may wait for its own lock. Resolves to the bytes taken, negative when none were. */
export function sendDatagram(fd: number, data: Uint8Array): Promise<number> {
  const call = native('send', 'long', 'int', 'const void *', 'size_t', 'int');
  return new Promise((resolve, reject) => {
    call.async(fd, data, data.length, 0, (error: unknown, sent: number | bigint) => (error ? reject(error) : resolve(Number(sent))));
  });
}

export function closeSocket(fd: number): void {
  native('close', 'int', 'int')(fd);
}
