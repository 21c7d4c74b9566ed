import { attribute, decodeAttributes, type Message, nested } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

/** Messages of connection tracking (linux/netfilter/nfnetlink_conntrack.h). Ports are in network order. */
const NFNL_SUBSYS_CTNETLINK = 1;
const GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const AF_INET = 2;
const AF_INET6 = 10;
const CTA = { tupleOriginal: 1, filter: 25 } as const;
const TUPLE_PROTOCOL = 2;
const PROTOCOL = { number: 1, destinationPort: 3 } as const;
const FILTER_ORIGINAL_FLAGS = 1;
const FILTER_PROTOCOL_AND_PORT = (1 << 3) | (1 << 5);
const IPPROTO_UDP = 17;
const ENOENT = 2;

const header = (family: number) => Buffer.from([family, 0, 0, 0]);

/**
 * Makes the kernel forget where it sent UDP packets to `count` local ports from `port` on so far. Without this a client that goes on with
 * the same port of its own keeps talking to the container that had the port before. `socket` speaks NETLINK_NETFILTER.
 */
export async function forgetUdpFlows(socket: NetlinkSocket, port: number, count = 1): Promise<void> {
  for (const family of [AF_INET, AF_INET6]) {
    const flows = await socket.dump({
      type: GET,
      flags: 0,
      body: Buffer.concat([header(family), ...(count === 1 ? filterFor(port) : [])]),
    });
    const doomed: Message[] = [];
    for (const { body } of flows) {
      const original = decodeAttributes(body, 4).get(CTA.tupleOriginal);
      const protocol = original && decodeAttributes(original, 0).get(TUPLE_PROTOCOL);
      const fields = protocol && decodeAttributes(protocol, 0);
      const destination = fields?.get(PROTOCOL.destinationPort)?.readUInt16BE(0) ?? 0;
      // Without a filter, and on kernels before 5.8, there are all kinds of flows.
      if (fields?.get(PROTOCOL.number)?.[0] !== IPPROTO_UDP || destination < port || destination >= port + count) continue;
      const tuple = nested(CTA.tupleOriginal, original ?? Buffer.alloc(0));
      doomed.push({ type: DELETE, flags: 0, body: Buffer.concat([header(body[0] ?? family), tuple]) });
    }
    await socket.require(doomed, () => `Forgetting the UDP flows to port ${port}`, [ENOENT]);
  }
}

/** Makes the kernel list flows of UDP to one port only. */
function filterFor(port: number): Buffer[] {
  const wanted = Buffer.alloc(2);
  wanted.writeUInt16BE(port);
  const tuple = nested(
    CTA.tupleOriginal,
    nested(TUPLE_PROTOCOL, attribute(PROTOCOL.number, Uint8Array.of(IPPROTO_UDP)), attribute(PROTOCOL.destinationPort, wanted)),
  );
  return [tuple, nested(CTA.filter, attribute(FILTER_ORIGINAL_FLAGS, FILTER_PROTOCOL_AND_PORT))];
}
