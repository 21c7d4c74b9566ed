import { conflict, denied, invalid } from '../../base/index.ts';
import type { NetworkSubnet, SubnetRequest } from '../../model/index.ts';
import {
  type AddressPool,
  countOf,
  formatIp,
  formatPrefix,
  holds,
  lastOf,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixesOverlap,
  requirePrefix,
} from '../addresses/index.ts';

/** A subnet that is in use, and by what: `the network web`, `a route of this host (dev wg0)`. */
export interface TakenPrefix {
  prefix: Prefix;
  by: string;
  /** Of another network of ours: two may never share it. Of the host: only what we choose ourselves must avoid it. */
  ours: boolean;
}

export interface SubnetWishes {
  subnets: readonly SubnetRequest[];
  families: readonly (4 | 6)[];
  /** `bridge` takes one subnet of each family. */
  driver: string;
  /** Whether the network may overlap what the host has: a macvlan lies in the subnet of its parent. */
  mayOverlapHost: boolean;
}

/** What no bridge can lead to, whatever its routes say. */
const NOT_FOR_NETWORKS = [
  ['0.0.0.0/8', 'a machine that has no address yet'],
  ['127.0.0.0/8', 'each machine itself'],
  ['224.0.0.0/4', 'multicast'],
  ['::/127', 'each machine itself'],
  ['ff00::/8', 'multicast'],
] as const;

/**
 * The subnets of a new network: those asked for, checked, and one of the pools for each family that was left open.
 * Fails with `invalid` for nonsense, `conflict` or `denied` for what is in use, and says by what.
 */
export function planSubnets(
  wishes: SubnetWishes,
  taken: readonly TakenPrefix[],
  pools: readonly AddressPool[],
  /** 40 random bits for a private IPv6 prefix. */
  randomBits: () => bigint,
): NetworkSubnet[] {
  const asked = wishes.subnets.filter(({ subnet }) => subnet !== '').map((request) => checkSubnet(request, wishes, taken));
  const open = wishes.subnets.filter(({ subnet }) => subnet === '');
  const present = new Set(asked.map(({ subnet }) => (subnet.includes(':') ? 6 : 4)));
  for (const [index, one] of asked.entries()) checkAgainst(one, asked.slice(0, index), wishes.driver);
  // A wish without a subnet (a gateway alone) is for a subnet of the pools.
  for (const request of open)
    if (request.gateway !== '' || request.ipRange !== '')
      throw invalid(`a gateway or an IP range needs a subnet: ${request.gateway || request.ipRange}`);
  const chosen = wishes.families
    .filter((family) => !present.has(family))
    .map((family) => (family === 4 ? chooseFour(taken, pools) : chooseSix(taken, randomBits)));
  const all = [...asked, ...chosen];
  return wishes.families.flatMap((family) => all.filter(({ subnet }) => subnet.includes(':') === (family === 6)));
}

function checkSubnet(request: SubnetRequest, wishes: SubnetWishes, taken: readonly TakenPrefix[]): NetworkSubnet {
  const prefix = parsePrefix(request.subnet);
  if (!prefix) throw invalid(`invalid network config:\ninvalid subnet ${request.subnet}: invalid CIDR block notation`);
  if (prefix.address !== prefix.base)
    throw invalid(`invalid network config:\ninvalid subnet ${request.subnet}: it should be ${formatPrefix(prefix)}`);
  if (!wishes.families.includes(prefix.family))
    throw invalid(`invalid network config:\nIPv${prefix.family} subnet ${request.subnet} on a network without IPv${prefix.family}`);
  const special = NOT_FOR_NETWORKS.find(([other]) => prefixesOverlap(requirePrefix(other, 'subnet'), prefix) && prefix.length > 0);
  if (special)
    throw invalid(
      `invalid network config:\ninvalid subnet ${request.subnet}: ${special[0]} is for ${special[1]}, no container could be reached there`,
    );
  if (prefix.length > (prefix.family === 4 ? 30 : 126) && wishes.driver === 'bridge')
    throw invalid(`invalid subnet ${request.subnet}: it has no address for a container beside the gateway`);
  const clash = taken.find((other) => prefixesOverlap(other.prefix, prefix) && (other.ours || !wishes.mayOverlapHost));
  if (clash)
    throw denied(
      `invalid pool request: Pool overlaps with other one on this address space: ${request.subnet} overlaps ${formatPrefix(clash.prefix)}, ${clash.by}`,
    );
  const range = request.ipRange === '' ? undefined : requirePrefix(request.ipRange, 'ip-range');
  if (range && !(holds(prefix, { family: range.family, value: range.base }) && range.length >= prefix.length))
    throw invalid(`invalid network config:\ninvalid ip-range ${request.ipRange}: it is not in the subnet ${request.subnet}`);
  if (range && range.base !== range.address)
    throw invalid(`invalid network config:\ninvalid ip-range ${request.ipRange}: it should be ${formatPrefix(range)}`);
  const others = new Map<string, string>();
  for (const [name, address] of Object.entries(request.auxiliaryAddresses)) {
    requireInside(prefix, address, 'auxiliary address');
    const twin = others.get(address);
    if (twin !== undefined) throw invalid(`invalid network config:\nauxiliary address ${address} is named twice: ${twin} and ${name}`);
    others.set(address, name);
  }
  const implied = request.gateway === '' || request.gateway === undefined;
  const gateway = implied ? firstFree(range ?? prefix, prefix, others) : request.gateway;
  if (!implied) requireInside(prefix, gateway, 'gateway address');
  if (others.has(gateway))
    throw invalid(`invalid network config:\nthe gateway ${gateway} is also the auxiliary address ${others.get(gateway)}`);
  return {
    subnet: formatPrefix(prefix),
    gateway,
    ...(implied ? { impliedGateway: true } : {}),
    ...(range ? { ipRange: formatPrefix(range) } : {}),
    ...(others.size > 0 ? { auxiliaryAddresses: { ...request.auxiliaryAddresses } } : {}),
  };
}

/** The gateway that nobody named is the first address, of the range where there is one. */
function firstFree(range: Prefix, subnet: Prefix, others: ReadonlyMap<string, string>): string {
  for (let value = range.base === subnet.base ? range.base + 1n : range.base; value <= lastOf(range); value += 1n) {
    const text = formatIp({ family: range.family, value });
    if (!others.has(text)) return text;
  }
  throw conflict(`no address is left for the gateway in ${formatPrefix(range)}`);
}

function requireInside(prefix: Prefix, text: string, what: string): void {
  const ip = parseIp(text);
  if (!ip) throw invalid(`invalid network config:\ninvalid ${what} ${JSON.stringify(text)}: not an IP address`);
  if (!holds(prefix, ip)) throw invalid(`invalid network config:\ninvalid ${what} ${text}: parent subnet is ${formatPrefix(prefix)}`);
  if (prefix.family === 4 && prefix.length < 31 && (ip.value === prefix.base || ip.value === lastOf(prefix)))
    throw invalid(`invalid network config:\ninvalid ${what} ${text}: it is the network or broadcast address of ${formatPrefix(prefix)}`);
}

function checkAgainst(one: NetworkSubnet, before: readonly NetworkSubnet[], driver: string): void {
  const prefix = requirePrefix(one.subnet, 'subnet');
  for (const other of before) {
    const second = requirePrefix(other.subnet, 'subnet');
    if (prefixesOverlap(prefix, second)) throw invalid(`invalid network config:\nthe subnets ${other.subnet} and ${one.subnet} overlap`);
    if (driver === 'bridge' && prefix.family === second.family) throw invalid("bridge driver doesn't support multiple subnets");
  }
}

function chooseFour(taken: readonly TakenPrefix[], pools: readonly AddressPool[]): NetworkSubnet {
  for (const pool of pools) {
    const block = requirePrefix(pool.base, '--default-address-pool base');
    if (block.family !== 4) continue;
    const step = 1n << BigInt(32 - pool.size);
    for (let base = block.base; base <= lastOf(block); base += step) {
      const prefix: Prefix = { family: 4, base, length: pool.size };
      const clash = taken.find((other) => prefixesOverlap(other.prefix, prefix));
      // Past the whole of what is in the way: a pool may have millions of small subnets.
      if (clash) base += countOf(clash.prefix) > step ? lastOf(clash.prefix) + 1n - step - base : 0n;
      else return withGateway(prefix);
    }
  }
  const why = taken.filter(({ prefix }) => prefix.family === 4).map(({ by }) => by);
  throw conflict(
    `all predefined address pools have been fully subnetted: ${pools.map(({ base }) => base).join(', ')} (in use: ${[...new Set(why)].slice(0, 8).join(', ')}${why.length > 8 ? ' …' : ''})`,
    'Remove networks (gantry network prune), name a subnet with --subnet, or start the daemon with other pools (--default-address-pool)',
  );
}

/** A private prefix of its own, RFC 4193: fd, 40 random bits, and the first /64 of it. */
function chooseSix(taken: readonly TakenPrefix[], randomBits: () => bigint): NetworkSubnet {
  for (let tries = 0; tries < 16; tries += 1) {
    const prefix: Prefix = { family: 6, base: (0xfdn << 120n) | (randomBits() << 80n), length: 64 };
    if (!taken.some((other) => prefixesOverlap(other.prefix, prefix))) return withGateway(prefix);
  }
  throw conflict('No private IPv6 prefix is free: routes of this host cover fd00::/8', 'Name a subnet with --subnet');
}

const withGateway = (prefix: Prefix): NetworkSubnet => ({
  subnet: formatPrefix(prefix),
  gateway: formatIp({ family: prefix.family, value: prefix.base + 1n }),
});
