import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import type { Clock } from '../../base/index.ts';
import type { PublishedPort } from '../../model/index.ts';
import { isNeighbour } from './neighbours.ts';
import { type MayUse, relayConnections, relayDatagrams } from './relay.ts';

/** Where traffic of a port goes. It changes in place when the port passes to another container. */
export interface Target {
  address: string;
  port: number;
}

/**
 * A socket of the daemon on a published port. It keeps other programs of the host off the port while the kernel's rules
 * carry the traffic past it. What still arrives here is relayed: connections to IPv6 addresses, and those of the
 * moment between a flush of the rules and their repair. Node's error (EADDRINUSE, EADDRNOTAVAIL, EACCES) when it is taken.
 */
export async function holdPort(
  { protocol, hostAddress, hostPort, exposure }: Pick<PublishedPort, 'protocol' | 'hostAddress' | 'hostPort' | 'exposure'>,
  target: Target,
  clock: Clock,
): Promise<AsyncDisposable> {
  // What comes to a socket has passed the firewall of the host: `host` needs no other guard.
  const mayUse = exposure === 'lan' ? isNeighbour : () => true;
  if (protocol === 'tcp') return holdStream(hostAddress, hostPort, target, mayUse);
  if (protocol === 'udp') return holdDatagrams(hostAddress, hostPort, target, mayUse, clock);
  // Node has no sockets of SCTP: the map alone must do.
  return { [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function holdStream(address: string, port: number, target: Target, mayUse: MayUse): Promise<AsyncDisposable> {
  const server = net.createServer({ allowHalfOpen: true });
  const connections = relayConnections(server, target, mayUse);
  server.listen({ host: address, port, ipv6Only: true, exclusive: true });
  await once(server, 'listening');
  server.unref();
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.destroy();
      await closed;
    },
  };
}

async function holdDatagrams(address: string, port: number, target: Target, mayUse: MayUse, clock: Clock): Promise<AsyncDisposable> {
  const socket = net.isIPv6(address) ? dgram.createSocket({ type: 'udp6', ipv6Only: true }) : dgram.createSocket('udp4');
  socket.bind({ address, port, exclusive: true });
  await once(socket, 'listening');
  socket.unref();
  const flows = relayDatagrams(socket, target, mayUse, clock);
  return {
    async [Symbol.asyncDispose]() {
      flows.destroy();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}
