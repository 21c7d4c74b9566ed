import type { Duplex } from 'node:stream';
import type { AttachedStreams } from '../../../engine/index.ts';

/** How long a client may take to close its half after the output has ended. */
const LINGER_MS = 2000;

/**
 * Joins a hijacked connection with a process's streams until the output ends or the client is gone. When the client
 * ends its half, the process reads end-of-file and its output still arrives; when the output ends, the connection does.
 */
export function joinStreams(socket: Duplex, streams: AttachedStreams, abort: AbortController): Promise<void> {
  const { output, input } = streams;
  return new Promise((resolve) => {
    const leave = () => {
      abort.abort(new DOMException('the client closed the connection', 'AbortError'));
      output.destroy();
      input?.destroy();
      socket.destroy();
      resolve();
    };
    socket.once('error', leave);
    socket.once('close', leave);
    output.once('error', leave);
    // Without a listener an error would end the daemon: a process that closed its stdin is no failure.
    input?.on('error', () => input.destroy());
    output.once('end', () => socket.end());
    output.pipe(socket, { end: false });
    if (input) socket.pipe(input);
    else socket.resume();
    // What the client still types has no reader. A client that never closes its half is cut off; not at once,
    // since closing with unread data would take from it what it has not read yet.
    socket.once('finish', () => {
      if (input) socket.unpipe(input);
      socket.resume();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    });
  });
}
