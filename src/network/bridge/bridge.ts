import { readFileSync, writeFileSync } from 'node:fs';
import type { Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import { addressBytes, type BridgeAddress, broadcastOf, formatAddress, macAddressOf } from '../addresses/index.ts';

export interface Bridge {
  name: string;
  index: number;
  mtu: number;
  address: BridgeAddress;
}

/** Makes the bridge, or makes the one that is there equal to what it should be. Idempotent. */
export async function ensureBridge(
  socket: netlink.NetlinkSocket,
  name: string,
  address: BridgeAddress,
  mtu: number,
  log: Log,
): Promise<Bridge> {
  const find = async () => (await socket.dump(netlink.listLinks())).map(netlink.readLink).find((link) => link.name === name);
  let link = await find();
  // A bridge without an address of its own takes the lowest of its ports', and changes it under the containers' feet.
  const macAddress = macAddressOf(address.gateway);
  if (!link) {
    await socket.require([netlink.addBridge({ name, mtu, macAddress, up: true })], () => `Making the bridge ${name}`);
    link = await find();
  } else if (!link.up || link.mtu !== mtu || link.macAddress !== macAddress) {
    await socket.require([netlink.setLink(link.index, { mtu, macAddress, up: true })], () => `Setting up the bridge ${name}`);
  }
  const index = link?.index ?? 0;
  await setAddress(socket, name, index, address);
  // Only on the bridge: elsewhere neighbours on the wire could reach what listens on loopback.
  writeFileSync(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
  enableForwarding(log);
  return { name, index, mtu, address };
}

async function setAddress(socket: netlink.NetlinkSocket, name: string, index: number, { subnet, gateway }: BridgeAddress): Promise<void> {
  const present = (await socket.dump(netlink.listAddresses())).map(netlink.readAddress).filter((address) => address.index === index);
  const isWanted = (address: netlink.AddressFacts) =>
    address.address.readUInt32BE(0) === gateway && address.prefixLength === subnet.prefixLength;
  const stale = present.filter((address) => !isWanted(address));
  const messages = stale.map((address) => netlink.deleteAddress(index, address.address, address.prefixLength));
  if (!present.some(isWanted))
    messages.push(netlink.addAddress(index, addressBytes(gateway), subnet.prefixLength, addressBytes(broadcastOf(subnet))));
  await socket.require(messages, () => `Giving the bridge ${name} the address ${formatAddress(gateway)}`);
}

function enableForwarding(log: Log): void {
  const file = '/proc/sys/net/ipv4/ip_forward';
  if (readFileSync(file, 'utf8').trim() === '1') return;
  writeFileSync(file, '1');
  log.info('Turned on IPv4 forwarding (net.ipv4.ip_forward), which containers on the bridge need');
}
