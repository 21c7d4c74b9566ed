import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import { addressBytes, type BridgeAddress, broadcastOf, formatAddress, macAddressOf } from '../addresses/index.ts';

export interface Bridge {
  name: string;
  index: number;
  mtu: number;
  address: BridgeAddress;
}

const EEXIST = 17;

/** Makes the bridge, or makes the one that is there equal to what it should be. Idempotent. */
export async function ensureBridge(
  socket: netlink.NetlinkSocket,
  name: string,
  address: BridgeAddress,
  mtu: number,
  log: Log,
): Promise<Bridge> {
  const find = () => netlink.findLink(socket, name);
  let link = await find();
  // A bridge without an address of its own takes the lowest of its ports', and changes it under the containers' feet.
  const macAddress = macAddressOf(address.gateway);
  if (!link) {
    // Two may find at once that it is gone.
    await socket.require([netlink.addBridge({ name, mtu, macAddress, up: true })], () => `Making the bridge ${name}`, [EEXIST]);
    link = await find();
  } else if (!link.up || link.mtu !== mtu || link.macAddress !== macAddress) {
    await socket.require([netlink.setLink(link.index, { mtu, macAddress, up: true })], () => `Setting up the bridge ${name}`);
  }
  const index = link?.index ?? 0;
  await setAddress(socket, name, index, address);
  ensureSettings(name, log);
  return { name, index, mtu, address };
}

/** Whether the bridge is as it should be, by what the host has. */
export function isSound({ name, index, mtu, address }: Bridge, { links, addresses }: netlink.Devices): boolean {
  const link = links.find((one) => one.name === name);
  if (!link?.up || link.index !== index || link.mtu !== mtu || link.macAddress !== macAddressOf(address.gateway)) return false;
  const four = addresses.filter((one) => one.index === index && one.address.length === 4);
  return four.length === 1 && four.every(isWanted(address));
}

const isWanted =
  ({ subnet, gateway }: BridgeAddress) =>
  (present: netlink.AddressFacts) =>
    present.address.readUInt32BE(0) === gateway && present.prefixLength === subnet.prefixLength;

async function setAddress(socket: netlink.NetlinkSocket, name: string, index: number, address: BridgeAddress): Promise<void> {
  const { subnet, gateway } = address;
  const present = (await socket.dump(netlink.listAddresses())).map(netlink.readAddress).filter((address) => address.index === index);
  const wanted = isWanted(address);
  const stale = present.filter((one) => !wanted(one));
  const messages = stale.map((one) => netlink.deleteAddress(index, one.address, one.prefixLength));
  if (!present.some(wanted))
    messages.push(netlink.addAddress(index, addressBytes(gateway), subnet.prefixLength, addressBytes(broadcastOf(subnet))));
  await socket.require(messages, () => `Giving the bridge ${name} the address ${formatAddress(gateway)}`);
}

/** Settings of the kernel that the bridge needs. Resolves to whether one had to be written. A bridge that is gone has none. */
export function ensureSettings(name: string, log: Log): boolean {
  // Only on the bridge: elsewhere neighbours on the wire could reach what listens on loopback.
  const own = write(`/proc/sys/net/ipv4/conf/${name}/route_localnet`);
  const forwarding = write('/proc/sys/net/ipv4/ip_forward');
  if (forwarding) log.info('Turned on IPv4 forwarding (net.ipv4.ip_forward), which containers on bridges need');
  return own || forwarding;
}

function write(file: string): boolean {
  try {
    if (readFileSync(file, 'utf8').trim() === '1') return false;
    writeFileSync(file, '1');
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
