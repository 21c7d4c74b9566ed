import { attribute, decodeAttributes, type Message, nested } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

/** Messages of connection tracking (linux/netfilter/nfnetlink_conntrack.h). Ports are in network order. */
const NFNL_SUBSYS_CTNETLINK = 1;
const GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const AF_INET = 2;
const CTA = { tupleOriginal: 1, filter: 25 } as const;
const TUPLE_PROTOCOL = 2;
const PROTOCOL = { number: 1, destinationPort: 3 } as const;
const FILTER_ORIGINAL_FLAGS = 1;
const FILTER_PROTOCOL_AND_PORT = (1 << 3) | (1 << 5);
const IPPROTO_UDP = 17;
const ENOENT = 2;

const header = () => Buffer.from([AF_INET, 0, 0, 0]);

/**
 * Makes the kernel forget where it sent UDP packets to local `port` so far. Without this a client that goes on with the
 * same port of its own keeps talking to the container that had the port before. `socket` speaks NETLINK_NETFILTER.
 */
export async function forgetUdpFlows(socket: NetlinkSocket, port: number): Promise<void> {
  const wanted = Buffer.alloc(2);
  wanted.writeUInt16BE(port);
  const tuple = nested(
    CTA.tupleOriginal,
    nested(TUPLE_PROTOCOL, attribute(PROTOCOL.number, Uint8Array.of(IPPROTO_UDP)), attribute(PROTOCOL.destinationPort, wanted)),
  );
  const filter = nested(CTA.filter, attribute(FILTER_ORIGINAL_FLAGS, FILTER_PROTOCOL_AND_PORT));
  const flows = await socket.dump({ type: GET, flags: 0, body: Buffer.concat([header(), tuple, filter]) });
  const doomed: Message[] = [];
  for (const { body } of flows) {
    const original = decodeAttributes(body, 4).get(CTA.tupleOriginal);
    const protocol = original && decodeAttributes(original, 0).get(TUPLE_PROTOCOL);
    const fields = protocol && decodeAttributes(protocol, 0);
    // Kernels before 5.8 ignore the filter.
    if (fields?.get(PROTOCOL.number)?.[0] !== IPPROTO_UDP || !fields.get(PROTOCOL.destinationPort)?.equals(wanted)) continue;
    doomed.push({ type: DELETE, flags: 0, body: Buffer.concat([header(), nested(CTA.tupleOriginal, original ?? Buffer.alloc(0))]) });
  }
  await socket.require(doomed, () => `Forgetting the UDP flows to port ${port}`, [ENOENT]);
}
