import dgram from 'node:dgram';
import net from 'node:net';
import type { Clock } from '../../base/index.ts';
import type { Target } from './holder.ts';

/** Says of a client's address whether it is served. */
export type MayUse = (address: string) => boolean;

/** Passes each connection of `server` on to the target, both ways, each half closed by itself. */
export function relayConnections(server: net.Server, target: Target, mayUse: MayUse): { destroy(): void } {
  const open = new Set<net.Socket>();
  server.on('connection', (incoming) => {
    if (!mayUse(incoming.remoteAddress ?? '')) return void incoming.destroy();
    const outgoing = net.connect({ host: target.address, port: target.port, allowHalfOpen: true });
    join(incoming, outgoing, open);
    join(outgoing, incoming, open);
  });
  return {
    destroy() {
      for (const socket of open) socket.destroy();
    },
  };
}

function join(from: net.Socket, to: net.Socket, open: Set<net.Socket>): void {
  open.add(from);
  from.setNoDelay(true);
  from.pipe(to);
  // A broken half breaks the other: the peer must not wait for ever.
  from.on('error', () => to.destroy());
  from.on('close', () => {
    open.delete(from);
    if (!from.readableEnded) to.destroy();
  });
}

/** A client that was silent for so long is forgotten, as conntrack does with UDP. */
const SILENCE_MILLISECONDS = 60_000;
/** Clients of one port at a time; the oldest makes room. */
const MOST_FLOWS = 1000;

interface Flow {
  socket: dgram.Socket;
  cancel(): void;
}

/** Passes datagrams of each client on to the target through a socket of its own, and the answers back. */
export function relayDatagrams(server: dgram.Socket, target: Target, mayUse: MayUse, clock: Clock): { destroy(): void } {
  const flows = new Map<string, Flow>();
  const forget = (client: string) => {
    const flow = flows.get(client);
    if (!flow) return;
    flows.delete(client);
    flow.cancel();
    flow.socket.close();
  };
  const begin = (client: string, from: dgram.RemoteInfo): Flow => {
    const [oldest] = flows.keys();
    if (flows.size >= MOST_FLOWS && oldest !== undefined) forget(oldest);
    const socket = dgram.createSocket(net.isIPv6(target.address) ? 'udp6' : 'udp4');
    socket.unref();
    socket.on('message', (answer) => server.send(answer, from.port, from.address));
    // Nobody listens in the container: the client finds out by silence.
    socket.on('error', () => forget(client));
    return { socket, cancel: () => {} };
  };
  server.on('message', (data, from) => {
    const client = `${from.address} ${from.port}`;
    if (!flows.has(client) && !mayUse(from.address)) return;
    const flow = flows.get(client) ?? begin(client, from);
    flow.cancel();
    flow.cancel = clock.later(SILENCE_MILLISECONDS, () => forget(client));
    flows.set(client, flow);
    flow.socket.send(data, target.port, target.address);
  });
  return {
    destroy() {
      for (const client of [...flows.keys()]) forget(client);
    },
  };
}
