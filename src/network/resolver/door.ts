import dgram from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import net from 'node:net';
import { describe, errnoOf, GantryError, type Log } from '../../base/index.ts';
import { bindInet, listenInet, netlink, openInet, portOfInet, setReceiveBuffer } from '../../host/index.ts';
import { RESOLVER_ADDRESS } from '../names/resolver.ts';

const ADDRESS = Uint8Array.from(RESOLVER_ADDRESS.split('.').map(Number));
const PORT = 53;
/** Where we listen in place of it: above those that the kernel gives to programs by itself. */
const USUAL_PORT = 61053;
const ANY_PORT = 0;
/** Some 1,400 questions: who asks that many at once should not lose one, for clients ask again only after seconds. Taken up by what waits alone. */
const WAITING_BYTES = 1 << 20;

/** What listens in a container's namespace. */
export interface Door extends Disposable {
  /** Both, as descriptors. */
  sockets: readonly number[];
  datagrams: dgram.Socket;
  connections: net.Server;
}

type Redirect = typeof netlink.redirectOnLoopback;

interface Pair {
  udp: number;
  tcp: number;
  port: number;
}

/**
 * Opens the resolver's sockets in a namespace from where we are: a socket stays in the namespace where it was made. They are at another
 * port than 53, and rules on loopback lead there, so that a container may be a name server itself. `left` are those that an earlier daemon has opened: what
 * was asked since then waits in them.
 */
export async function openDoor(
  namespace: string,
  left: readonly number[],
  log: Log,
  redirect: Redirect = netlink.redirectOnLoopback,
): Promise<Door> {
  const { udp, tcp } = await openPair(namespace, left, log, redirect);
  // Whom we answer is known by address: nothing to look up.
  const datagrams = dgram.createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) });
  const connections = net.createServer();
  const listening = Promise.all([once(datagrams, 'listening'), once(connections, 'listening')]);
  datagrams.bind({ fd: udp });
  connections.listen({ fd: tcp });
  await listening;
  return {
    sockets: [udp, tcp],
    datagrams,
    connections,
    [Symbol.dispose]() {
      datagrams.close();
      connections.close();
    },
  };
}

async function openPair(namespace: string, left: readonly number[], log: Log, redirect: Redirect): Promise<Pair> {
  const before = pairOf(left);
  const { pair, rules } = netlink.insideNamespace(namespace, () => ({
    // A program of the container may have the port when the daemon was away.
    pair: before ?? openAt(USUAL_PORT) ?? openAt(ANY_PORT),
    rules: new netlink.NetlinkSocket(netlink.NETLINK_NETFILTER),
  }));
  using _rules = rules;
  if (!pair) throw new GantryError('internal', `No port is free for the resolver in ${namespace}`);
  // Left by a daemon that could not redirect either.
  if (pair.port === PORT) return pair;
  try {
    await redirect(rules, ADDRESS, PORT, pair.port);
    return pair;
  } catch (error) {
    close(pair);
    const direct = netlink.insideNamespace(namespace, () => openAt(PORT));
    if (!direct) throw error;
    log.warn('This kernel cannot redirect on loopback (nf_tables, family netdev): the resolver takes port 53 of the container itself', {
      error: describe(error),
    });
    return direct;
  }
}

function pairOf([udp, tcp]: readonly number[]): Pair | undefined {
  return udp === undefined || tcp === undefined ? undefined : { udp, tcp, port: portOfInet(udp) };
}

/** Undefined when another program has the port. */
function openAt(port: number): Pair | undefined {
  using undo = new DisposableStack();
  const udp = undo.adopt(openInet('udp', 4), closeSync);
  const tcp = undo.adopt(openInet('tcp', 4), closeSync);
  try {
    setReceiveBuffer(udp, WAITING_BYTES);
    bindInet(udp, ADDRESS, port);
    const given = portOfInet(udp);
    bindInet(tcp, ADDRESS, given);
    listenInet(tcp);
    undo.move();
    return { udp, tcp, port: given };
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') return undefined;
    throw error;
  }
}

function close({ udp, tcp }: Pair): void {
  closeSync(udp);
  closeSync(tcp);
}
