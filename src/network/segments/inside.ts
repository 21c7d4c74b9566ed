import { closeSync, writeFileSync } from 'node:fs';
import { errnoOf, GantryError, invalid } from '../../base/index.ts';
import { indexOfDevice, netlink, openInet } from '../../host/index.ts';
import type { EndpointState } from '../../model/index.ts';
import { type Ip, ipBytes, ipOfBytes, lastOf, parseIp } from '../addresses/index.ts';
import type { Grant } from './addressing.ts';

/** Settings of the kernel for one device, `name=value` with IFNAME for its name. */
export const SYSCTLS_OPTION = 'com.docker.network.endpoint.sysctls';
/** Name of the device in the container. */
export const DEVICE_OPTION = 'com.docker.network.endpoint.ifname';

/** Reads `net.ipv4.conf.IFNAME.log_martians=1,…`. Fails with `invalid` for what is not of that form. */
export function parseEndpointSysctls(text: string, device: string): { key: string; value: string }[] {
  if (text === '') return [];
  return text.split(',').map((entry) => {
    // Docker's client writes option values in lower case.
    const match = /^\s*net\.(ipv4|ipv6|mpls)\.([a-z]+)\.(?:IFNAME|ifname)\.([a-z0-9_]+)=([^\s/]+)\s*$/.exec(entry);
    if (!match) throw invalid(`invalid ${SYSCTLS_OPTION} ${JSON.stringify(entry)}: it reads net.<protocol>.<group>.IFNAME.<name>=<value>`);
    const [, protocol, group, name, value = ''] = match;
    return { key: `net/${protocol}/${group}/${device}/${name}`, value };
  });
}

/** What a device in a container gets. */
export interface DeviceWishes {
  grant: Grant;
  /** As SYSCTLS_OPTION has it. */
  sysctls: string;
  /** Whether what leaves the container goes by the gateways of the grant. */
  leads: boolean;
}

/** Gives a device in a container its addresses and brings it up. It must be there, down. */
export async function configureDevice(namespace: string, device: string, { grant, sysctls, leads }: DeviceWishes): Promise<void> {
  const settings = parseEndpointSysctls(sysctls, device);
  const hasSix = grant.addresses.some(({ ip }) => ip.family === 6);
  const opened = netlink.insideNamespace(namespace, () => {
    if (hasSix) writeSetting(`net/ipv6/conf/${device}/disable_ipv6`, '0');
    for (const { key, value } of settings) writeSetting(key, value);
    return { index: deviceIndex(device), inside: new netlink.NetlinkSocket(netlink.NETLINK_ROUTE) };
  });
  using inside = opened.inside;
  const { index } = opened;
  if (index === undefined) throw new GantryError('internal', `The device ${device} vanished from its container`);
  const messages = [
    netlink.setLink(index, { up: true }),
    ...grant.addresses.map(({ ip, prefix }) =>
      netlink.addAddress(index, ipBytes(ip), prefix.length, ip.family === 4 ? ipBytes({ family: 4, value: lastOf(prefix) }) : undefined),
    ),
    ...grant.addresses.flatMap(({ gateway }) => {
      const ip = leads ? parseIp(gateway) : undefined;
      return ip ? [netlink.addDefaultRoute(index, ipBytes(ip))] : [];
    }),
  ];
  await inside.require(messages, (step) => `Setting up ${device} (step ${step + 1})`);
}

/** By a socket of the namespace that the thread is in. */
function deviceIndex(device: string): number | undefined {
  const fd = openInet('udp', 4);
  try {
    return indexOfDevice(fd, device);
  } finally {
    closeSync(fd);
  }
}

function writeSetting(key: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/${key}`, value);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') throw invalid(`the kernel has no setting ${key.replaceAll('/', '.')}`);
    if (code === 'EINVAL') throw invalid(`the kernel refuses ${value} for ${key.replaceAll('/', '.')}`);
    throw error;
  }
}

/** The endpoint that leads a container out, for each family: the highest priority wins, then the first name. */
export function chooseGateways(
  endpoints: readonly EndpointState[],
  priorityOf: (endpoint: EndpointState) => number,
): { four: EndpointState | undefined; six: EndpointState | undefined } {
  const ranked = [...endpoints].sort((a, b) => priorityOf(b) - priorityOf(a) || (a.networkName < b.networkName ? -1 : 1));
  return {
    four: ranked.find(({ gateway, ipv4Address }) => gateway !== '' && ipv4Address !== ''),
    six: ranked.find(({ ipv6Gateway, ipv6Address }) => ipv6Gateway !== '' && ipv6Address !== ''),
  };
}

const ENOENT = 2;
const ESRCH = 3;
const ENETUNREACH = 101;

/** Makes the container's default routes lead through the endpoints of `gateways`, and take those away that lead nowhere. */
export async function setDefaultRoutes(namespace: string, gateways: ReturnType<typeof chooseGateways>, hasSix: boolean): Promise<void> {
  using inside = netlink.insideNamespace(namespace, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const links = (await inside.dump(netlink.listLinks())).map(netlink.readLink);
  const route = (endpoint: EndpointState | undefined, gateway: string | undefined, family: 4 | 6) => {
    const ip = parseIp(gateway ?? '');
    const index = links.find(({ name }) => name === endpoint?.interfaceName)?.index;
    return ip && index !== undefined ? netlink.addDefaultRoute(index, ipBytes(ip)) : netlink.deleteDefaultRoute(family);
  };
  const messages = [
    route(gateways.four, gateways.four?.gateway, 4),
    ...(hasSix ? [route(gateways.six, gateways.six?.ipv6Gateway, 6)] : []),
  ];
  // There may be none to delete.
  await inside.require(messages, () => 'Setting the default route of a container', [ENOENT, ESRCH, ENETUNREACH]);
}

export interface DeviceAddress {
  ip: Ip;
  prefixLength: number;
  bytes: Buffer;
}

/** The addresses that the kernel has on a device of the host. */
export async function addressesOn(socket: netlink.NetlinkSocket, index: number): Promise<DeviceAddress[]> {
  const all = [...(await socket.dump(netlink.listAddresses(4))), ...(await socket.dump(netlink.listAddresses(6)))];
  return onDevice(all.map(netlink.readAddress), index);
}

export function onDevice(addresses: readonly netlink.AddressFacts[], index: number): DeviceAddress[] {
  return addresses
    .filter((address) => address.index === index)
    .map(({ address, prefixLength }) => ({ ip: ipOfBytes(address), prefixLength, bytes: address }));
}
