import { conflict, invalid } from '../../base/index.ts';
import { formatAddress, formatSubnet, overlaps, requireCidr, type Subnet, sizeOf } from './ipv4.ts';

/** A block of addresses, cut into subnets of `size` (a prefix length). */
export interface AddressPool {
  base: string;
  size: number;
}

/** Docker's own defaults, so that a host that was planned for it fits: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in /20s. */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/15', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/13', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** A subnet and the address of the bridge in it. */
export interface BridgeAddress {
  subnet: Subnet;
  gateway: number;
}

/**
 * The first subnet of the pools that overlaps none of `taken` (the host's routes and addresses).
 * Fails with `conflict` when all are in use, `invalid` for a pool that makes no sense.
 */
export function chooseSubnet(pools: readonly AddressPool[], taken: readonly Subnet[]): BridgeAddress {
  for (const pool of pools) {
    const block = requireCidr(pool.base, '--default-address-pool base');
    if (!Number.isInteger(pool.size) || pool.size < block.prefixLength || pool.size > 30) {
      throw invalid(
        `--default-address-pool size: ${pool.size} does not lie between ${block.prefixLength}, the prefix length of ${pool.base}, and 30`,
      );
    }
    const step = 2 ** (32 - pool.size);
    for (let base = block.base; base < block.base + sizeOf(block); base += step) {
      const subnet = { base, prefixLength: pool.size };
      if (!taken.some((other) => overlaps(other, subnet))) return { subnet, gateway: base + 1 };
    }
  }
  throw conflict(
    `Every subnet of the address pools (${pools.map((pool) => pool.base).join(', ')}) overlaps a route or an address of this host`,
    'Give the bridge an address with --bip, or other pools with --default-address-pool',
  );
}

/** What `--bip` asks for: the bridge's own address with its prefix length. */
export function parseBridgeAddress(bip: string): BridgeAddress {
  const { address, base, prefixLength } = requireCidr(bip, '--bip');
  const subnet = { base, prefixLength };
  if (prefixLength > 30) throw invalid(`--bip: ${bip} leaves no address for containers; the prefix length may be 30 at most`);
  if (address === base || address === base + sizeOf(subnet) - 1) {
    throw invalid(
      `--bip: ${formatAddress(address)} is the network or broadcast address of ${formatSubnet(subnet)}, so a bridge cannot have it`,
    );
  }
  return { subnet, gateway: address };
}
