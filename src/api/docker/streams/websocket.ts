import { invalid } from '../../../base/index.ts';
import type { AttachedStreams } from '../../../engine/index.ts';
import type { Exchange } from '../../http/index.ts';

/** One message from a client: what a person types or pastes. */
const MAXIMUM_MESSAGE = 1024 * 1024;

/**
 * Joins a websocket with a process's streams: each packet of output is one binary message, unframed; each message of
 * the client, text or binary, is input. The library is loaded on first use.
 */
export async function joinWebSocket(exchange: Exchange, streams: AttachedStreams, abort: AbortController): Promise<void> {
  const { request } = exchange;
  if (request.headers['sec-websocket-key'] === undefined)
    throw invalid('a websocket handshake was expected: the header Sec-WebSocket-Key is missing');
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, maxPayload: MAXIMUM_MESSAGE, perMessageDeflate: false });
  const socket = exchange.takeConnection();
  const { output, input } = streams;
  await new Promise<void>((resolve) => {
    socket.once('close', () => {
      abort.abort(new DOMException('the client closed the connection', 'AbortError'));
      output.destroy();
      input?.destroy();
      resolve();
    });
    server.handleUpgrade(request, socket, Buffer.alloc(0), (client) => {
      client.on('error', () => socket.destroy());
      client.on('message', (data: Buffer) => {
        if (input && !input.writableEnded) input.write(data);
      });
      client.on('close', () => input?.end());
      input?.on('error', () => input.destroy());
      output.on('data', (data: Buffer) => {
        // Nobody may fill our memory by not reading.
        client.send(data, () => output.resume());
        if (socket.writableLength > MAXIMUM_MESSAGE) output.pause();
      });
      output.once('end', () => client.close(1000));
      output.once('error', () => client.close(1011));
    });
  });
}
