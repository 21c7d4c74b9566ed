import { constants } from 'node:os';
import { O_CLOEXEC } from './files.ts';
import { check, failure, lastErrno, native } from './library.ts';

/** A connected SOCK_SEQPACKET socket, non-blocking, closing on exec. `path` must fit into 107 bytes. */
export function connectSeqpacketFd(path: string): { fd: number } | { error: NodeJS.ErrnoException } {
  const name = Buffer.from(path);
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(1, 0);
  name.copy(address, 2);
  const fd = check(native('socket', 'int', 'int', 'int', 'int')(1, 5 | O_CLOEXEC | 0o4000, 0), 'socket');
  if (native('connect', 'int', 'int', 'const void *', 'uint')(fd, address, address.length) === 0) return { fd };
  const error = failure('connect', lastErrno(), path);
  native('close', 'int', 'int')(fd);
  return { error };
}

const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

/** Receives into `buffer`; the count of bytes, 0 at the end of file, undefined when there is nothing now. */
export function receive(fd: number, buffer: Uint8Array): number | undefined {
  const count = Number(native('recv', 'long', 'int', 'void *', 'size_t', 'int')(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL));
  return count >= 0 ? count : undefinedWhenAgain('recv');
}

/** Sends one packet; undefined when the peer's queue is full now. */
export function send(fd: number, data: Uint8Array): number | undefined {
  const count = Number(native('send', 'long', 'int', 'const void *', 'size_t', 'int')(fd, data, data.length, MSG_DONTWAIT_NOSIGNAL));
  return count >= 0 ? count : undefinedWhenAgain('send');
}

function undefinedWhenAgain(syscall: string): undefined {
  const errno = lastErrno();
  if (errno !== constants.errno.EAGAIN && errno !== constants.errno.EINTR) throw failure(syscall, errno, undefined);
}

/** shutdown(2) of the writing side: the peer reads end of file. */
export function shutdownWriting(fd: number): void {
  check(native('shutdown', 'int', 'int', 'int')(fd, 1), 'shutdown');
}
