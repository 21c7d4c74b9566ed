import type { NetworkRecord, NetworkSubnet } from '../../model/index.ts';
import {
  type AddressPool,
  type BridgeAddress,
  chooseSubnet,
  DEFAULT_POOLS,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseBridgeAddress,
  parseCidr,
  type Subnet,
} from '../addresses/index.ts';

export interface AddressWishes {
  bip?: string;
  pools?: readonly AddressPool[];
}

/**
 * The bridge's address: what `--bip` says; else the one it had, unless a route of the host covers it by now and no
 * container lives in it; else the first free subnet of the pools.
 */
export function planAddress(
  wishes: AddressWishes,
  kept: readonly NetworkSubnet[],
  taken: readonly Subnet[],
  inUse: boolean,
): BridgeAddress {
  if (wishes.bip !== undefined) return parseBridgeAddress(wishes.bip);
  const before = kept[0] ? readKept(kept[0]) : undefined;
  if (before && (inUse || !taken.some((subnet) => overlaps(subnet, before.subnet)))) return before;
  return chooseSubnet(wishes.pools ?? DEFAULT_POOLS, taken);
}

function readKept({ subnet, gateway }: NetworkSubnet): BridgeAddress | undefined {
  const cidr = parseCidr(subnet);
  const address = parseAddress(gateway);
  return cidr && address !== undefined ? { subnet: { base: cidr.base, prefixLength: cidr.prefixLength }, gateway: address } : undefined;
}

/** The record of the default bridge as people see it, in the option names that Docker's clients know. */
export function describeBridge(record: NetworkRecord, name: string, address: BridgeAddress, mtu: number): NetworkRecord {
  return {
    ...record,
    subnets: [{ subnet: formatSubnet(address.subnet), gateway: formatAddress(address.gateway) }],
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': name,
      'com.docker.network.driver.mtu': String(mtu),
    },
  };
}
