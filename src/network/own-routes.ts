import { netlink } from '../host/index.ts';
import { formatPrefix, ipBytes, ipOfBytes, maskOf, type Prefix } from './addresses/index.ts';

const MAIN_TABLE = 254;

/** A route of the kernel's to the subnet of a bridge, which comes with the bridge's address and which someone has deleted. */
export interface LostRoute {
  bridge: string;
  /** Of the device. */
  index: number;
  /** The bridge's address. */
  source: Uint8Array;
  prefix: Prefix;
}

/** Reads twice where something is missing: it may have changed on our own account between the lists. */
export async function findLostRoutes(socket: netlink.NetlinkSocket, bridges: () => ReadonlySet<string>): Promise<LostRoute[]> {
  const look = async () => {
    const devices = await netlink.readDevices(socket);
    const routes = [...(await socket.dump(netlink.listRoutes(4))), ...(await socket.dump(netlink.listRoutes(6)))];
    return lostRoutes(bridges(), devices, routes.map(netlink.readRoute));
  };
  const first = new Set((await look()).map(({ index, prefix }) => `${index} ${formatPrefix(prefix)}`));
  return first.size === 0 ? [] : (await look()).filter(({ index, prefix }) => first.has(`${index} ${formatPrefix(prefix)}`));
}

/** Without such a route the host takes the way to containers that it takes to the world. */
function lostRoutes(bridges: ReadonlySet<string>, devices: netlink.Devices, routes: readonly netlink.RouteFacts[]): LostRoute[] {
  const names = new Map(devices.links.filter(({ name, up }) => up && bridges.has(name)).map(({ index, name }) => [index, name]));
  const present = new Set(routes.filter(({ table }) => table === MAIN_TABLE).map(keyOf));
  return devices.addresses.flatMap(({ index, address, prefixLength }) => {
    const bridge = names.get(index);
    const ip = ipOfBytes(address);
    const prefix = { family: ip.family, base: ip.value & maskOf(ip.family, prefixLength), length: prefixLength };
    const destination = ipBytes({ family: prefix.family, value: prefix.base });
    if (isLinkLocal(prefix)) return [];
    const isThere = present.has(keyOf({ device: index, destination, prefixLength }));
    return bridge === undefined || isThere ? [] : [{ bridge, index, source: address, prefix }];
  });
}

const isLinkLocal = ({ family, base }: Prefix) => family === 6 && base >> 118n === 0x3fan;

const keyOf = ({ device, destination, prefixLength }: Pick<netlink.RouteFacts, 'device' | 'prefixLength'> & { destination: Uint8Array }) =>
  `${device} ${Buffer.from(destination).toString('hex')}/${prefixLength}`;

/** Makes the route again as the kernel had made it. */
export async function putRouteBack(socket: netlink.NetlinkSocket, { bridge, index, source, prefix }: LostRoute): Promise<void> {
  const destination = ipBytes({ family: prefix.family, value: prefix.base });
  const message = netlink.addSubnetRoute(index, destination, prefix.length, source);
  await socket.require([message], () => `Putting back the route to ${formatPrefix(prefix)} by ${bridge}`);
}
