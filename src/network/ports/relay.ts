import net from 'node:net';
import type { Target } from './holder.ts';

/** Passes each connection of `server` on to the target, both ways, each half closed by itself. */
export function relayConnections(server: net.Server, target: Target): { destroy(): void } {
  const open = new Set<net.Socket>();
  server.on('connection', (incoming) => {
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
