import { describe, type Ids, invalid, type Log } from '../../base/index.ts';
import { blankEndpoint, type EndpointRequest, type EndpointState, type NetworkRecord } from '../../model/index.ts';
import { AddressSpace, formatIp, holds, type Ip, type Prefix, parseIp, requirePrefix } from '../addresses/index.ts';

/** What an interface was given. */
export interface Grant {
  addresses: { ip: Ip; prefix: Prefix; gateway: string }[];
  macAddress: string;
}

/** Refuses addresses that the network can never give. */
export function refuseForeignAddresses({ name, subnets }: NetworkRecord, wish: EndpointRequest): void {
  const prefixes = subnets.map(({ subnet }) => requirePrefix(subnet, 'subnet'));
  for (const [family, asked] of [
    [4, wish.ipv4Address],
    [6, wish.ipv6Address],
  ] as const) {
    if (!asked) continue;
    if (!prefixes.some((prefix) => prefix.family === family))
      throw invalid(`invalid endpoint settings: the network ${name} has no IPv${family} subnet for ${asked}`);
    const ip = parseIp(asked);
    if (ip && prefixes.some((prefix) => holds(prefix, ip))) continue;
    throw invalid(
      `invalid config for network ${name}: invalid endpoint settings:\nno configured subnet contains IP address ${asked} (it has ${subnets.map(({ subnet }) => subnet).join(', ')})`,
    );
  }
}

/** The addresses of one network. */
export class Addressing {
  readonly #record: NetworkRecord;
  readonly #spaces: { space: AddressSpace; gateway: string }[];
  readonly #ids: Ids;
  readonly #log: Log;

  constructor(record: NetworkRecord, ids: Ids, log: Log) {
    this.#record = record;
    this.#ids = ids;
    this.#log = log;
    this.#spaces = record.subnets.map(({ subnet, gateway, ipRange, auxiliaryAddresses }) => {
      const reserved = new Map<bigint, string>();
      for (const [name, address] of Object.entries(auxiliaryAddresses ?? {})) {
        const ip = parseIp(address);
        if (ip) reserved.set(ip.value, `the auxiliary address ${name}`);
      }
      const ip = parseIp(gateway);
      if (ip) reserved.set(ip.value, 'the gateway');
      const options = { subnet: requirePrefix(subnet, 'subnet'), reserved, network: record.name };
      const space = new AddressSpace(ipRange === undefined ? options : { ...options, range: requirePrefix(ipRange, 'ip-range') });
      return { space, gateway };
    });
  }

  /** One address of each family. All or none; fails with `conflict` (says who has it) or `invalid`. */
  take(wish: EndpointRequest, owner: string): Grant {
    refuseForeignAddresses(this.#record, wish);
    const taken: Grant['addresses'] = [];
    try {
      for (const [family, asked] of [
        [4, wish.ipv4Address],
        [6, wish.ipv6Address],
      ] as const) {
        const spaces = this.#spaces.filter(({ space }) => space.subnet.family === family);
        if (spaces.length === 0) continue;
        taken.push(asked ? this.#byName(spaces, asked, owner) : this.#any(spaces, owner));
      }
    } catch (error) {
      this.release(taken);
      throw error;
    }
    return { addresses: taken, macAddress: wish.macAddress?.toLowerCase() ?? this.#macOf(taken) };
  }

  #byName(spaces: readonly { space: AddressSpace; gateway: string }[], text: string, owner: string) {
    const ip = parseIp(text);
    const home = spaces.find(({ space }) => ip && space.holds(ip));
    if (!home) throw invalid(`no subnet of the network ${this.#record.name} contains IP address ${text}`);
    return { ip: home.space.reserve(text, owner), prefix: home.space.subnet, gateway: home.gateway };
  }

  #any(spaces: readonly { space: AddressSpace; gateway: string }[], owner: string) {
    const [first] = spaces;
    const home = spaces.find(({ space }) => space.free > 0n) ?? first;
    if (!home) throw invalid(`the network ${this.#record.name} has no subnet`);
    return { ip: home.space.allocate(owner), prefix: home.space.subnet, gateway: home.gateway };
  }

  /** Made of the address, so that a reused address never meets an old neighbour entry; with IPv6 only, of chance. */
  #macOf(addresses: Grant['addresses']): string {
    const four = addresses.find(({ ip }) => ip.family === 4);
    const digits = four ? four.ip.value.toString(16).padStart(8, '0') : this.#ids.next().slice(0, 8);
    return `02:42:${digits.match(/../g)?.join(':')}`;
  }

  release(addresses: Grant['addresses']): void {
    for (const { ip } of addresses) for (const { space } of this.#spaces) if (space.holds(ip)) space.release(ip);
  }

  /** Takes what a living container has; a row that does not fit must not keep the daemon from starting. */
  adopt(endpoint: EndpointState, owner: string): Grant['addresses'] {
    return [endpoint.ipv4Address, endpoint.ipv6Address].filter(Boolean).flatMap((text) => {
      try {
        return [this.#byName(this.#spaces, text, owner)];
      } catch (error) {
        this.#log.warn('A running container has an address that does not fit its network: restart it', {
          network: this.#record.name,
          container: owner,
          address: text,
          error: describe(error),
        });
        return [];
      }
    });
  }

  /** What an endpoint was given. */
  grantOf({ ipv4Address, ipv6Address, macAddress }: EndpointState): Grant {
    const addresses = [ipv4Address, ipv6Address].flatMap((text) => {
      const ip = parseIp(text);
      const home = this.#spaces.find(({ space }) => ip && space.holds(ip));
      return ip && home ? [{ ip, prefix: home.space.subnet, gateway: home.gateway }] : [];
    });
    return { addresses, macAddress };
  }

  /** The endpoint as people see it. */
  describe(endpointId: string, device: string, { addresses, macAddress }: Grant): EndpointState {
    const four = addresses.find(({ ip }) => ip.family === 4);
    const six = addresses.find(({ ip }) => ip.family === 6);
    const leads = !this.#record.internal;
    return {
      ...blankEndpoint(),
      networkId: this.#record.id,
      networkName: this.#record.name,
      endpointId,
      macAddress,
      interfaceName: device,
      ...(four ? { ipv4Address: formatIp(four.ip), ipv4PrefixLength: four.prefix.length, gateway: leads ? four.gateway : '' } : {}),
      ...(six ? { ipv6Address: formatIp(six.ip), ipv6PrefixLength: six.prefix.length, ipv6Gateway: leads ? six.gateway : '' } : {}),
    };
  }
}
