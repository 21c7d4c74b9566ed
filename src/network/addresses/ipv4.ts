import { invalid } from '../../base/index.ts';

/** IPv4 addresses are unsigned 32-bit numbers inside this folder; text only at its edge. */
export interface Subnet {
  /** The network's own address, host bits clear. */
  base: number;
  /** 0 to 32. */
  prefixLength: number;
}

/** The number of a dotted quad; undefined when `text` is none. Leading zeros are refused: they read as octal elsewhere. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** `address/prefix`; undefined when `text` is not of that form. */
export function parseCidr(text: string): (Subnet & { address: number }) | undefined {
  const [addressText, prefixText, ...rest] = text.split('/');
  const address = parseAddress(addressText ?? '');
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefixText ?? '') || Number(prefixText) > 32) return undefined;
  const prefixLength = Number(prefixText);
  return { address, prefixLength, base: (address & mask(prefixLength)) >>> 0 };
}

/** `parseCidr` for values that a person gave: fails with `invalid`, naming the option. */
export function requireCidr(text: string, option: string): Subnet & { address: number } {
  const cidr = parseCidr(text);
  if (!cidr) throw invalid(`${option}: "${text}" is not an IPv4 address with a prefix length, such as 172.17.0.1/16`);
  return cidr;
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.prefixLength}`;
}

export function mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** How many addresses the subnet has, network and broadcast addresses included. */
export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefixLength);
}

export function contains(subnet: Subnet, address: number): boolean {
  return (address & mask(subnet.prefixLength)) >>> 0 === subnet.base;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

export function broadcastOf(subnet: Subnet): number {
  return subnet.base + sizeOf(subnet) - 1;
}

/** Four bytes in network order, as the kernel wants them. */
export function addressBytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}
