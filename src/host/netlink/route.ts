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
import { NETLINK_ROUTE, NetlinkEvents, type NetlinkSocket } from './socket.ts';

/** Messages of rtnetlink(7): links, addresses and routes. Addresses are four bytes in network order. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 1;
const IFLA = { address: 1, name: 3, mtu: 4, link: 5, master: 10, info: 18, alias: 20, group: 27, namespaceDescriptor: 28 } as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const BRIDGE_PORT_HAIRPIN = 4;
const BRIDGE_PORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const BRIDGE = { forwardDelay: 1, stp: 5 } as const;
const IFA = { address: 1, local: 2, broadcast: 4, flags: 8 } as const;
/** No duplicate address detection: the address is usable at once. */
const IFA_F_NODAD = 2;
const RTA = { destination: 1, device: 4, gateway: 5, priority: 6, source: 7, table: 15 } as const;
const MAIN_TABLE = 254;
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_ADDRESS = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV6_ADDRESS = 9;
const RTNLGRP_IPV6_ROUTE = 11;
const WATCHED_GROUPS = [RTNLGRP_LINK, RTNLGRP_IPV4_ADDRESS, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ADDRESS, RTNLGRP_IPV6_ROUTE];
const RTPROT_KERNEL = 2;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
/** Of routes over IPv6 that come with an address. */
const KERNEL_PRIORITY = 256;
const SCOPE_LINK = 253;
/** Matches any scope in a deletion. */
const SCOPE_NOWHERE = 255;

export interface LinkFields {
  name?: string;
  mtu?: number;
  /** Six bytes as `02:42:ac:11:00:02`. */
  macAddress?: string;
  /** Index of the bridge to join. */
  master?: number;
  group?: number;
  /** Words for people, shown by `ip link`. Heeded when a link is changed, not when it is made. */
  alias?: string;
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
  if (fields.alias !== undefined) parts.push(attribute(IFLA.alias, fields.alias));
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

/** Settings of a port of a bridge: `isolated` ports reach the bridge itself, but no other isolated port. */
export function setBridgePort(name: string, settings: { hairpin?: boolean; isolated?: boolean }): Message {
  const parts: Buffer[] = [];
  if (settings.hairpin !== undefined) parts.push(attribute(BRIDGE_PORT_HAIRPIN, Uint8Array.of(settings.hairpin ? 1 : 0)));
  if (settings.isolated !== undefined) parts.push(attribute(BRIDGE_PORT_ISOLATED, Uint8Array.of(settings.isolated ? 1 : 0)));
  const info = nested(IFLA.info, attribute(INFO.slaveKind, 'bridge'), nested(INFO.slaveData, ...parts));
  return { type: RTM_NEWLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.name, name), info]) };
}

/** Modes of macvlan and ipvlan (linux/if_link.h). */
export const MACVLAN_MODES: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
export const IPVLAN_MODES: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 };
export const IPVLAN_FLAGS: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };

/** A device on top of the one with index `parent`, in the namespace that the descriptor names (the socket's own when absent). */
function addOnTop(kind: string, fields: LinkFields, parent: number, data: readonly Buffer[], namespace?: number): Message {
  const info = nested(IFLA.info, attribute(INFO.kind, kind), ...(data.length > 0 ? [nested(INFO.data, ...data)] : []));
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      linkHeader(0, fields.up),
      ...linkAttributes(fields),
      ...(parent === 0 ? [] : [attribute(IFLA.link, parent)]),
      ...(namespace === undefined ? [] : [attribute(IFLA.namespaceDescriptor, namespace)]),
      info,
    ]),
  };
}

export const addMacvlan = (fields: LinkFields, parent: number, mode: number, namespace?: number): Message =>
  addOnTop('macvlan', fields, parent, [attribute(1, mode)], namespace);

const uint16 = (value: number) => Uint8Array.of(value & 255, value >> 8);

export const addIpvlan = (fields: LinkFields, parent: number, mode: number, flags: number, namespace?: number): Message =>
  addOnTop('ipvlan', fields, parent, [attribute(1, uint16(mode)), attribute(2, uint16(flags))], namespace);

/** A VLAN of the parent, 802.1Q. */
export const addVlan = (fields: LinkFields, parent: number, id: number): Message =>
  addOnTop('vlan', fields, parent, [attribute(1, uint16(id))]);

/** A device that leads nowhere, for networks that have no parent. */
export const addDummy = (fields: LinkFields): Message => addOnTop('dummy', fields, 0, []);

export function deleteLink(name: string): Message {
  return { type: RTM_DELLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.name, name)]) };
}

/** All links of the group at once: one grace period of the kernel instead of one per link. */
export function deleteGroup(group: number): Message {
  return { type: RTM_DELLINK, flags: 0, body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.group, group)]) };
}

const familyOf = (address: Uint8Array) => (address.length === 4 ? AF_INET : AF_INET6);

function addressMessage(
  type: number,
  flags: number,
  index: number,
  address: Uint8Array,
  prefixLength: number,
  broadcast?: Uint8Array,
): Message {
  const header = Buffer.alloc(8);
  header.writeUInt8(familyOf(address), 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(index, 4);
  const parts = [header, attribute(IFA.local, address), attribute(IFA.address, address)];
  if (broadcast) parts.push(attribute(IFA.broadcast, broadcast));
  if (address.length === 16) parts.push(attribute(IFA.flags, IFA_F_NODAD));
  return { type, flags, body: Buffer.concat(parts) };
}

export function addAddress(index: number, address: Uint8Array, prefixLength: number, broadcast?: Uint8Array): Message {
  return addressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address, prefixLength, broadcast);
}

export function deleteAddress(index: number, address: Uint8Array, prefixLength: number): Message {
  return addressMessage(RTM_DELADDR, 0, index, address, prefixLength);
}

/** Takes the place of the one that is there. */
export function addDefaultRoute(index: number, gateway: Uint8Array): Message {
  const header = Buffer.from([familyOf(gateway), 0, 0, 0, MAIN_TABLE, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([header, attribute(RTA.gateway, gateway), attribute(RTA.device, index)]),
  };
}

/** By the device alone, for networks without a gateway that still lead out. */
export function addDeviceRoute(index: number, family: 4 | 6): Message {
  const header = Buffer.from([family === 4 ? AF_INET : AF_INET6, 0, 0, 0, MAIN_TABLE, RTPROT_BOOT, SCOPE_LINK, RTN_UNICAST, 0, 0, 0, 0]);
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, body: Buffer.concat([header, attribute(RTA.device, index)]) };
}

/** To the subnet of a device's own address, as the kernel makes it together with the address. */
export function addSubnetRoute(index: number, destination: Uint8Array, prefixLength: number, source: Uint8Array): Message {
  const isFour = destination.length === 4;
  const scope = isFour ? SCOPE_LINK : 0;
  const header = Buffer.from([familyOf(destination), prefixLength, 0, 0, MAIN_TABLE, RTPROT_KERNEL, scope, RTN_UNICAST, 0, 0, 0, 0]);
  const own = isFour ? attribute(RTA.source, source) : attribute(RTA.priority, KERNEL_PRIORITY);
  const parts = [header, attribute(RTA.destination, destination), attribute(RTA.device, index), own];
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, body: Buffer.concat(parts) };
}

export function deleteDefaultRoute(family: 4 | 6): Message {
  const header = Buffer.from([family === 4 ? AF_INET : AF_INET6, 0, 0, 0, MAIN_TABLE, 0, SCOPE_NOWHERE, 0, 0, 0, 0, 0]);
  return { type: RTM_DELROUTE, flags: 0, body: header };
}

export const listLinks = (): Message => ({ type: RTM_GETLINK, flags: 0, body: linkHeader(0, undefined) });
const family = (number: 4 | 6) => (number === 4 ? AF_INET : AF_INET6);
export const listAddresses = (of: 4 | 6 = 4): Message => ({
  type: RTM_GETADDR,
  flags: 0,
  body: Buffer.from([family(of), 0, 0, 0, 0, 0, 0, 0]),
});
export const listRoutes = (of: 4 | 6 = 4): Message => ({
  type: RTM_GETROUTE,
  flags: 0,
  body: Buffer.from([family(of), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
});

/** What the kernel tells of links, addresses and routes, by whomever. A look takes microseconds. */
export class RouteEvents implements Disposable {
  readonly #sources = WATCHED_GROUPS.map((group) => new NetlinkEvents(NETLINK_ROUTE, group));

  /** What changed since the last call. More than the kernel could keep counts as everything. */
  poll(): { devices: boolean; routes: boolean } {
    const types = this.#sources.map((source) => source.poll());
    if (types.includes('lost')) return { devices: true, routes: true };
    const seen = new Set(types.flatMap((received) => (received === 'lost' ? [] : received.map(({ type }) => type))));
    const has = (...wanted: number[]) => wanted.some((type) => seen.has(type));
    return {
      devices: has(RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR),
      routes: has(RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWADDR, RTM_DELADDR),
    };
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) source[Symbol.dispose]();
  }
}

export interface LinkFacts {
  index: number;
  name: string;
  mtu: number;
  macAddress: string;
  /** Index of the bridge it is a port of; 0 for none. */
  master: number;
  up: boolean;
  /** A number that links are gathered by; 0 unless somebody has set one. */
  group: number;
  /** Such as `veth` or `bridge`; '' for a plain device. */
  kind: string;
  /** Words for people. */
  alias: string;
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
    group: attributes.get(IFLA.group)?.readUInt32LE(0) ?? 0,
    kind: info ? textOf(decodeAttributes(info, 0).get(INFO.kind)) : '',
    alias: textOf(attributes.get(IFLA.alias)),
  };
}

export interface AddressFacts {
  index: number;
  address: Buffer;
  prefixLength: number;
}

/** One link by its name, without listing all. */
export async function findLink(socket: NetlinkSocket, name: string): Promise<LinkFacts | undefined> {
  const found = await socket.find({
    type: RTM_GETLINK,
    flags: 0,
    body: Buffer.concat([linkHeader(0, undefined), attribute(IFLA.name, name)]),
  });
  return found && readLink(found);
}

export interface Devices {
  links: LinkFacts[];
  addresses: AddressFacts[];
}

/** Every link and address of the socket's namespace. */
export async function readDevices(socket: NetlinkSocket): Promise<Devices> {
  const links = (await socket.dump(listLinks())).map(readLink);
  const addresses = [...(await socket.dump(listAddresses(4))), ...(await socket.dump(listAddresses(6)))].map(readAddress);
  return { links, addresses };
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
