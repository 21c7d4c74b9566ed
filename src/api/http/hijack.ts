import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What node keeps on a socket that it parses: not in its types, but the same for ten years (streams and agents rely on it). */
interface ParsedSocket extends Socket {
  parser?: { unconsume?(): void } | null;
}

/**
 * Takes the connection of a plain request away from node's HTTP parser, after its body was read: whatever the
 * client sends from now on is data of ours. Requests with `Upgrade:` come without a parser already.
 */
export function detach(request: IncomingMessage): Socket {
  const socket = request.socket as ParsedSocket;
  socket.parser?.unconsume?.();
  // 'close' stays: it gives the parser back to node's pool.
  for (const event of ['data', 'end', 'drain', 'timeout'] as const) socket.removeAllListeners(event);
  socket.setTimeout(0);
  return socket;
}

/** First lines of the answer on a hijacked connection. */
export function hijackHead(upgraded: boolean, headers: readonly string[]): string {
  let head = upgraded ? 'HTTP/1.1 101 UPGRADED\r\n' : 'HTTP/1.1 200 OK\r\n';
  for (let index = 0; index + 1 < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  if (upgraded) head += 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
  return `${head}\r\n`;
}
