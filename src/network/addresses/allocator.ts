import { conflict, invalid } from '../../base/index.ts';
import type { BridgeAddress } from './choose.ts';
import { contains, formatAddress, formatSubnet, parseAddress, type Subnet, sizeOf } from './ipv4.ts';

/**
 * Addresses of one subnet. Goes round: a released address comes back only after all others were given out, so that
 * neighbours with an old entry do not reach the wrong container.
 */
export class Allocator {
  readonly subnet: Subnet;
  readonly gateway: number;
  #used = new Set<number>();
  #next: number;

  constructor({ subnet, gateway }: BridgeAddress) {
    this.subnet = subnet;
    this.gateway = gateway;
    this.#used.add(gateway);
    this.#next = 1;
  }

  /** Fails with `conflict` when the subnet is full. */
  allocate(): number {
    const hosts = sizeOf(this.subnet) - 2;
    for (let tried = 0; tried < hosts; tried += 1) {
      const address = this.subnet.base + this.#next;
      this.#next = (this.#next % hosts) + 1;
      if (this.#used.has(address)) continue;
      this.#used.add(address);
      return address;
    }
    throw conflict(`No free address is left in ${formatSubnet(this.subnet)}`, 'Remove containers, or start the daemon with a larger --bip');
  }

  /** Takes one address by name. Fails with `conflict` when it is in use, `invalid` when it is not one for a container. */
  reserve(text: string): number {
    const address = this.#checked(text);
    if (this.#used.has(address)) throw conflict(`Address already in use: ${text}`);
    this.#used.add(address);
    return address;
  }

  isUsed(address: number): boolean {
    return this.#used.has(address);
  }

  /** Idempotent. The gateway stays taken. */
  release(address: number): void {
    if (address !== this.gateway) this.#used.delete(address);
  }

  #checked(text: string): number {
    const address = parseAddress(text);
    if (address === undefined) throw invalid(`invalid IPv4 address: "${text}"`);
    if (!contains(this.subnet, address))
      throw invalid(`no configured subnet contains IP address ${text}: the bridge has ${formatSubnet(this.subnet)}`);
    const host = address - this.subnet.base;
    if (host === 0 || host === sizeOf(this.subnet) - 1)
      throw invalid(`${text} is the network or broadcast address of ${formatSubnet(this.subnet)}`);
    if (address === this.gateway) throw conflict(`Address already in use: ${formatAddress(address)} is the gateway`);
    return address;
  }
}

/** A locally administered hardware address made of the IPv4 address, so that a reused address never meets an old neighbour entry. */
export function macAddressOf(address: number): string {
  return `02:42:${[24, 16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, '0')).join(':')}`;
}
