import { netlink } from '../../host/index.ts';
import type { NetworkRecord } from '../../model/index.ts';
import { ipOfBytes, maskOf, type Prefix, parsePrefix } from '../addresses/index.ts';
import type { TakenPrefix } from './subnets.ts';

const MAIN_TABLES_LOCAL = 255;
const LOOPBACK_INDEX = 1;
/** Routes of fewer bits stand for the whole world, such as 0.0.0.0/1. */
export const WORLD_BITS = 8;

/** What networks and the host cover: routes and addresses of the host, those of our own bridges left out. */
export async function readTaken(
  socket: netlink.NetlinkSocket,
  networks: readonly NetworkRecord[],
  ownDevices: ReadonlySet<string>,
): Promise<TakenPrefix[]> {
  return [...ofNetworks(networks), ...(await readHostPrefixes(socket, ownDevices))];
}

export function ofNetworks(networks: readonly NetworkRecord[]): TakenPrefix[] {
  return networks.flatMap(({ name, subnets }) =>
    subnets.flatMap(({ subnet }) => {
      const prefix = parsePrefix(subnet);
      return prefix ? [{ prefix, by: `the subnet of network ${name}`, ours: true }] : [];
    }),
  );
}

/** Routes of any table but the local one, and addresses. Default routes cover nothing in particular, nor do those that VPNs set in their place. */
export async function readHostPrefixes(socket: netlink.NetlinkSocket, ownDevices: ReadonlySet<string>): Promise<TakenPrefix[]> {
  const links = new Map((await socket.dump(netlink.listLinks())).map(netlink.readLink).map(({ index, name }) => [index, name]));
  const found: TakenPrefix[] = [];
  const note = (bytes: Buffer, length: number, device: number, what: string) => {
    const name = links.get(device) ?? '';
    if (length < WORLD_BITS || device === LOOPBACK_INDEX || ownDevices.has(name)) return;
    const ip = ipOfBytes(bytes);
    const prefix: Prefix = { family: ip.family, base: ip.value & maskOf(ip.family, length), length };
    // Link-local and multicast addresses are on every device.
    if (ip.family === 6 && (ip.value >> 118n === 0x3fan || ip.value >> 120n === 0xffn)) return;
    found.push({ prefix, by: `${what} of this host${name === '' ? '' : ` (device ${name})`}`, ours: false });
  };
  for (const family of [4, 6] as const) {
    for (const { index, address, prefixLength } of (await socket.dump(netlink.listAddresses(family))).map(netlink.readAddress))
      note(address, prefixLength, index, 'an address');
    for (const { destination, prefixLength, device, table } of (await socket.dump(netlink.listRoutes(family))).map(netlink.readRoute))
      if (table !== MAIN_TABLES_LOCAL) note(destination, prefixLength, device, 'a route');
  }
  return found;
}
