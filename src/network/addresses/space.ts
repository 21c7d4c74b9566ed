import { conflict, invalid } from '../../base/index.ts';
import { countOf, formatIp, formatPrefix, holds, type Ip, lastOf, type Prefix, parseIp } from './ip.ts';

export interface SpaceOptions {
  subnet: Prefix;
  /** Where addresses come from that nobody asked for; the whole subnet when absent. */
  range?: Prefix;
  /** Addresses that are nobody's to have, and what they are: the gateway, those of other machines. */
  reserved: ReadonlyMap<bigint, string>;
  /** For messages. */
  network: string;
}

/**
 * The addresses of one subnet of a network and who has them. Goes round, so that a released address comes back only
 * after all others were given out and neighbours with an old entry do not reach the wrong container.
 */
export class AddressSpace {
  readonly subnet: Prefix;
  readonly #options: SpaceOptions;
  readonly #owners: Map<bigint, string>;
  readonly #first: bigint;
  readonly #last: bigint;
  #next: bigint;

  constructor(options: SpaceOptions) {
    const { subnet, range = subnet, reserved } = options;
    this.subnet = subnet;
    this.#options = options;
    this.#owners = new Map(reserved);
    [this.#first, this.#last] = usable(subnet, range);
    this.#next = this.#first;
  }

  /** Fails with `conflict` when it is full. */
  allocate(owner: string): Ip {
    const count = this.#last - this.#first + 1n;
    // Whoever is taken was noted: more than that many tries cannot all meet one.
    const tries = count < BigInt(this.#owners.size + 1) ? count : BigInt(this.#owners.size + 1);
    for (let tried = 0n; tried < tries; tried += 1n) {
      const value = this.#next;
      this.#next = value >= this.#last ? this.#first : value + 1n;
      if (this.#owners.has(value)) continue;
      this.#owners.set(value, owner);
      return { family: this.subnet.family, value };
    }
    const { network, range, subnet } = this.#options;
    throw conflict(
      `no available IPv${subnet.family} addresses on this network's address pools: ${network} (${formatPrefix(range ?? subnet)} is used up)`,
      'Disconnect containers, or make a network with a larger subnet',
    );
  }

  /** Takes one by name. Fails with `conflict` that names who has it, `invalid` when no container may have it. */
  reserve(text: string, owner: string): Ip {
    const ip = parseIp(text);
    if (!ip || !holds(this.subnet, ip))
      throw invalid(`no configured subnet contains IP address ${text}: ${formatPrefix(this.subnet)} does not`);
    if (this.subnet.family === 4 && this.subnet.length < 31 && (ip.value === this.subnet.base || ip.value === lastOf(this.subnet)))
      throw invalid(`${text} is the network or broadcast address of ${formatPrefix(this.subnet)}`);
    const holder = this.#owners.get(ip.value);
    if (holder !== undefined) throw conflict(`Address already in use: ${formatIp(ip)} belongs to ${holder}`);
    this.#owners.set(ip.value, owner);
    return ip;
  }

  /** Idempotent. What is reserved for good stays. */
  release(ip: Ip): void {
    if (!this.#options.reserved.has(ip.value)) this.#owners.delete(ip.value);
  }

  holds(ip: Ip): boolean {
    return holds(this.subnet, ip);
  }

  ownerOf(ip: Ip): string | undefined {
    return this.#owners.get(ip.value);
  }

  /** At least so many containers could still get one. */
  get free(): bigint {
    return this.#last - this.#first + 1n - BigInt(this.#owners.size);
  }
}

/** First and last that a container may have: in IPv4 neither the network's own nor the broadcast address; in IPv6 not the first, which is every router's. */
function usable(subnet: Prefix, range: Prefix): [bigint, bigint] {
  const [first, last] = [range.base, lastOf(range)];
  if (countOf(subnet) <= 2n) return [first, last];
  const low = first === subnet.base ? first + 1n : first;
  const high = subnet.family === 4 && last === lastOf(subnet) ? last - 1n : last;
  return [low, high];
}
