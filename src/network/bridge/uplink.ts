import { netlink } from '../../host/index.ts';
import type { Subnet } from '../addresses/index.ts';
import { mask } from '../addresses/index.ts';
import { WORLD_BITS } from '../define/taken.ts';

const MAIN_TABLE = 254;
const LOCAL_TABLE = 255;
const FALLBACK_MTU = 1500;

/** What the host's own network looks like: everything that a new bridge must respect. */
export interface HostNetwork {
  links: netlink.LinkFacts[];
  /** Subnets that routes and addresses of the host cover, those of `except` (our own bridge) left out. */
  taken: Subnet[];
  /** Bytes; of the device that the default route uses. */
  uplinkMtu: number;
}

export async function readHostNetwork(socket: netlink.NetlinkSocket, except: string): Promise<HostNetwork> {
  const links = (await socket.dump(netlink.listLinks())).map(netlink.readLink);
  const own = links.find((link) => link.name === except)?.index;
  const addresses = (await socket.dump(netlink.listAddresses())).map(netlink.readAddress).filter((address) => address.index !== own);
  const routes = (await socket.dump(netlink.listRoutes()))
    .map(netlink.readRoute)
    .filter((route) => route.table !== LOCAL_TABLE && route.device !== own);
  const uplink = routes.find((route) => route.prefixLength === 0 && route.table === MAIN_TABLE && route.device !== 0);
  return {
    links,
    taken: [
      ...addresses.map((address) => subnetOf(address.address, address.prefixLength)),
      ...routes.filter((route) => route.prefixLength >= WORLD_BITS).map((route) => subnetOf(route.destination, route.prefixLength)),
    ],
    uplinkMtu: links.find((link) => link.index === uplink?.device)?.mtu ?? FALLBACK_MTU,
  };
}

function subnetOf(address: Buffer, prefixLength: number): Subnet {
  return { base: (address.readUInt32BE(0) & mask(prefixLength)) >>> 0, prefixLength };
}
