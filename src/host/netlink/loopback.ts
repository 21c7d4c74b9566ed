import { errnoOf } from '../../base/index.ts';
import { attribute, type Message, NLM_F_CREATE, NLM_F_EXCL, nested } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

/** Messages and attributes of nf_tables (linux/netfilter/nf_tables.h). Its numbers are in network order. */
const NFNL_SUBSYS_NFTABLES = 10;
const MESSAGE = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6, getRule: 7 } as const;
const NFPROTO_NETDEV = 5;
const NLM_F_APPEND = 0x800;
const CHAIN = { table: 1, name: 3, hook: 4, type: 7 } as const;
const HOOK = { number: 1, priority: 2, device: 3 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const EXPRESSION = { element: 1, name: 1, data: 2 } as const;
const META = { destination: 1, key: 2, protocol: 1, transport: 16 } as const;
const COMPARE = { source: 1, operator: 2, data: 3, equal: 0 } as const;
const IMMEDIATE = { destination: 1, data: 2 } as const;
const PAYLOAD = { destination: 1, base: 2, offset: 3, length: 4, source: 5, checksumType: 6, checksumOffset: 7 } as const;
const BASE = { network: 1, transport: 2 } as const;
const INTERNET_CHECKSUM = 1;
const DATA_VALUE = 1;
const REGISTER = 1;
const TABLE = 'gantry_names';

const be32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
const be16 = (value: number) => Buffer.from([value >> 8, value & 255]);

/** UDP and TCP: protocol number and where the checksum is in the header. */
const TRANSPORTS = [
  { number: 17, checksum: 6 },
  { number: 6, checksum: 16 },
] as const;

/**
 * Makes what is sent to `address`:`port` on the loopback device of a namespace arrive at another port there, and its answers come from
 * `port`, without a connection table: the rules see loopback only, so nothing else pays for them, and `port` itself stays free for programs of
 * the container. Replaces what an earlier call did. `socket` speaks NETLINK_NETFILTER inside the namespace.
 */
export async function redirectOnLoopback(socket: NetlinkSocket, address: Uint8Array, port: number, arrivesAt: number): Promise<void> {
  const table = attribute(1, TABLE);
  const hook = nested(CHAIN.hook, attribute(HOOK.number, be32(0)), attribute(HOOK.priority, be32(0)), attribute(HOOK.device, 'lo'));
  const rules = TRANSPORTS.flatMap((transport) => [
    rewrite({ transport, address, addressOffset: 16, portOffset: 2, from: port, to: arrivesAt }),
    rewrite({ transport, address, addressOffset: 12, portOffset: 0, from: arrivesAt, to: port }),
  ]);
  const fresh = [
    message(MESSAGE.newTable, NLM_F_CREATE | NLM_F_EXCL, table),
    message(MESSAGE.newChain, NLM_F_CREATE, table, attribute(CHAIN.name, 'lo'), hook, attribute(CHAIN.type, 'filter')),
    ...rules.map((expressions) =>
      message(MESSAGE.newRule, NLM_F_CREATE | NLM_F_APPEND, table, attribute(RULE.chain, 'lo'), nested(RULE.expressions, ...expressions)),
    ),
  ];
  const apply = (messages: readonly Message[]) =>
    socket.transactAtomically(NFNL_SUBSYS_NFTABLES, messages, (index) => `Leading names to the resolver (step ${index + 1})`);
  try {
    await apply(fresh);
  } catch (error) {
    if (!isThere(error)) throw error;
    // Not for nothing: the kernel waits for a grace period (10 ms) when a socket that has deleted a table is closed.
    if (!(await isRedirected(socket, arrivesAt))) await apply([message(MESSAGE.deleteTable, 0, table), ...fresh]);
  }
}

/** Whether the rules that are there have come from an earlier call with the same port: each of them names it once. */
async function isRedirected(socket: NetlinkSocket, port: number): Promise<boolean> {
  const present = await socket.dump(message(MESSAGE.getRule, 0, attribute(RULE.table, TABLE), attribute(RULE.chain, 'lo')));
  const named = attribute(DATA_VALUE, be16(port));
  return present.length === TRANSPORTS.length * 2 && present.every(({ body }) => body.includes(named));
}

const isThere = (error: unknown) => error instanceof Error && error.cause instanceof Error && errnoOf(error.cause) === 'EEXIST';

function message(type: number, flags: number, ...attributes: readonly Uint8Array[]): Message {
  const body = Buffer.concat([Buffer.from([NFPROTO_NETDEV, 0, 0, 0]), ...attributes]);
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags, body };
}

interface Rewrite {
  transport: (typeof TRANSPORTS)[number];
  address: Uint8Array;
  /** Bytes from the start of the IPv4 header. */
  addressOffset: number;
  /** Bytes from the start of the transport header. */
  portOffset: number;
  from: number;
  to: number;
}

/** The expressions of: IPv4, this address, this transport, this port → that port. */
function rewrite({ transport, address, addressOffset, portOffset, from, to }: Rewrite): Buffer[] {
  const place = (base: number, offset: number, length: number) => [
    attribute(PAYLOAD.base, be32(base)),
    attribute(PAYLOAD.offset, be32(offset)),
    attribute(PAYLOAD.length, be32(length)),
  ];
  const load = (base: number, offset: number, length: number) =>
    expression('payload', attribute(PAYLOAD.destination, be32(REGISTER)), ...place(base, offset, length));
  return [
    meta(META.protocol),
    compare(be16(0x0800)),
    load(BASE.network, addressOffset, 4),
    compare(address),
    meta(META.transport),
    compare(Uint8Array.of(transport.number)),
    load(BASE.transport, portOffset, 2),
    compare(be16(from)),
    expression('immediate', attribute(IMMEDIATE.destination, be32(REGISTER)), nested(IMMEDIATE.data, attribute(DATA_VALUE, be16(to)))),
    expression(
      'payload',
      ...place(BASE.transport, portOffset, 2),
      attribute(PAYLOAD.source, be32(REGISTER)),
      attribute(PAYLOAD.checksumType, be32(INTERNET_CHECKSUM)),
      attribute(PAYLOAD.checksumOffset, be32(transport.checksum)),
    ),
  ];
}

const meta = (key: number) => expression('meta', attribute(META.destination, be32(REGISTER)), attribute(META.key, be32(key)));

const compare = (value: Uint8Array) =>
  expression(
    'cmp',
    attribute(COMPARE.source, be32(REGISTER)),
    attribute(COMPARE.operator, be32(COMPARE.equal)),
    nested(COMPARE.data, attribute(DATA_VALUE, value)),
  );

function expression(name: string, ...data: readonly Uint8Array[]): Buffer {
  return nested(EXPRESSION.element, attribute(EXPRESSION.name, name), nested(EXPRESSION.data, ...data));
}
