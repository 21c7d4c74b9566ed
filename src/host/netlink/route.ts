import {
  attribute,
  decodeAttributes,
  type Message,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nested,
  type Received,
  textOf,
} from './message.ts';

/** Messages of rtnetlink(7): links, addresses and routes. Addresses are four bytes in network order. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_UNSPEC = 0;
const AF_INET = 2;
const IFF_UP = 1;
const IFLA = { address: 1, name: 3, mtu: 4, master: 10, info: 18, alias: 20, group: 27, namespaceDescriptor: 28 } as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const BRIDGE_PORT_HAIRPIN = 4;
const VETH_INFO_PEER = 1;
const BRIDGE = { forwardDelay: 1, stp: 5 } as const;
const IFA = { address: 1, local: 2, broadcast: 4 } as const;
const RTA = { destination: 1, device: 4, gateway: 5, table: 15 } as const;
const MAIN_TABLE = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;

export interface LinkFields {
  name?: string;
  mtu?: number;
  /** Six bytes as `02:42:ac:11:00:02`. */
  macAddress?: string;
  /** Index of the bridge to join. */
  master?: number;
  group?: number;
  up?: boolean;
}

const macBytes = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex');

function linkHeader(index: number, up: boolean | undefined): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt8(AF_UNSPEC, 0);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(up ? IFF_UP : 0, 8);
  header.writeUInt32LE(up === undefined ? 0 : IFF_UP, 12);
  return header;
}

function linkAttributes(fields: LinkFields): Buffer[] {
  const parts: Buffer[] = [];
  if (fields.name !== undefined) parts.push(attribute(IFLA.name, fields.name));
  if (fields.mtu !== undefined) parts.push(attribute(IFLA.mtu, fields.mtu));
  if (fields.macAddress !== undefined) parts.push(attribute(IFLA.address, macBytes(fields.macAddress)));
  if (fields.master !== undefined) parts.push(attribute(IFLA.master, fields.master));
  if (fields.group !== undefined) parts.push(attribute(IFLA.group, fields.group));
  return parts;
}

/** A pair of ends: `near` in the socket's namespace, `far` in the one that the descriptor names. */
export function addVeth(near: LinkFields, far: LinkFields, farNamespace: number): Message {
  const peer = nested(VETH_INFO_PEER, linkHeader(0, far.up), ...linkAttributes(far), attribute(IFLA.namespaceDescriptor, farNamespace));
  const info = nested(IFLA.info, attribute(INFO.kind, 'veth'), nested(INFO.data, peer));
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([linkHeader(0, near.up), ...linkAttributes(near), info]),
  };
}

/** A bridge without spanning tree: a port forwards as soon as it is there. */
export function addBridge(fields: LinkFields): Message {
  const info = nested(
    IFLA.info,
    attribute(INFO.kind, 'bridge'),
    nested(INFO.data, attribute(BRIDGE.forwardDelay, 0), attribute(BRIDGE.stp, 0)),
  );
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([linkHeader(0, fields.up), ...linkAttributes(fields), info]),
  };
}

/** Changes the link of index `link`, or of the name `link`. */
export function setLink(link: number | string, fields: LinkFields): Message {
  const index = typeof link === 'number' ? link : 0;
  const name = typeof link === 'string' ? [attribute(IFLA.name, link)] : [];
  return {
    type: index === 0 ? RTM_NEWLINK : RTM_SETLINK,
    flags: 0,
    body: Buffer.concat([linkHeader(index, fields.up), ...name, ...linkAttributes(fields)]),
  };
}

/** Lets the bridge send a frame back out of the port that it came from: a container may reach itself through a published port. */
export function allowHairpin(name: string): Message {
  const data = nested(INFO.slaveData, attribute(BRIDGE_PORT_HAIRPIN, Uint8Array.of(1)));
  const info = nested(IFLA.info, attribute(INFO.slaveKind, 'bridge'), data);
  return { type: RTM_NEWLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.name, name), info]) };
}

export function deleteLink(name: string): Message {
  return { type: RTM_DELLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.name, name)]) };
}

/** All links of the group at once: one grace period of the kernel instead of one per link. */
export function deleteGroup(group: number): Message {
  return { type: RTM_DELLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.group, group)]) };
}

function addressMessage(
  type: number,
  flags: number,
  index: number,
  address: Uint8Array,
  prefixLength: number,
  broadcast?: Uint8Array,
): Message {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(index, 4);
  const parts = [header, attribute(IFA.local, address), attribute(IFA.address, address)];
  if (broadcast) parts.push(attribute(IFA.broadcast, broadcast));
  return { type, flags, body: Buffer.concat(parts) };
}

export function addAddress(index: number, address: Uint8Array, prefixLength: number, broadcast: Uint8Array): Message {
  return addressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address, prefixLength, broadcast);
}

export function deleteAddress(index: number, address: Uint8Array, prefixLength: number): Message {
  return addressMessage(RTM_DELADDR, 0, index, address, prefixLength);
}

export function addDefaultRoute(index: number, gateway: Uint8Array): Message {
  const header = Buffer.from([AF_INET, 0, 0, 0, MAIN_TABLE, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([header, attribute(RTA.gateway, gateway), attribute(RTA.device, index)]),
  };
}

export const listLinks = (): Message => ({ type: RTM_GETLINK, flags: 0, body: linkHeader(0, undefined) });
export const listAddresses = (): Message => ({ type: RTM_GETADDR, flags: 0, body: Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0]) });
export const listRoutes = (): Message => ({ type: RTM_GETROUTE, flags: 0, body: Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) });

export interface LinkFacts {
  index: number;
  name: string;
  mtu: number;
  macAddress: string;
  /** Index of the bridge it is a port of; 0 for none. */
  master: number;
  up: boolean;
  /** Such as `veth` or `bridge`; '' for a plain device. */
  kind: string;
}

export function readLink({ body }: Received): LinkFacts {
  const attributes = decodeAttributes(body, 16);
  const info = attributes.get(IFLA.info);
  return {
    index: body.readInt32LE(4),
    name: textOf(attributes.get(IFLA.name)),
    mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
    macAddress: [...(attributes.get(IFLA.address) ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    master: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    kind: info ? textOf(decodeAttributes(info, 0).get(INFO.kind)) : '',
  };
}

export interface AddressFacts {
  index: number;
  address: Buffer;
  prefixLength: number;
}

export function readAddress({ body }: Received): AddressFacts {
  const attributes = decodeAttributes(body, 8);
  return {
    index: body.readUInt32LE(4),
    prefixLength: body.readUInt8(1),
    address: Buffer.from(attributes.get(IFA.local) ?? attributes.get(IFA.address) ?? Buffer.alloc(4)),
  };
}

export interface RouteFacts {
  /** Four bytes; zeros for a default route. */
  destination: Buffer;
  prefixLength: number;
  /** Index of the device; 0 when the route has none. */
  device: number;
  table: number;
  /** RTN_UNICAST is 1. */
  type: number;
}

export function readRoute({ body }: Received): RouteFacts {
  const attributes = decodeAttributes(body, 12);
  return {
    destination: Buffer.from(attributes.get(RTA.destination) ?? Buffer.alloc(4)),
    prefixLength: body.readUInt8(1),
    device: attributes.get(RTA.device)?.readUInt32LE(0) ?? 0,
    table: attributes.get(RTA.table)?.readUInt32LE(0) ?? body.readUInt8(4),
    type: body.readUInt8(7),
  };
}
