import { netlink } from '../../host/index.ts';
import { formatPrefix, holds, ipOfBytes, maskOf, type Prefix, widthOf } from '../addresses/index.ts';
import type { RuleSettings } from './rules.ts';

const LOOPBACK_INDEX = 1;

/**
 * The networks that the host has an address in, by device, without those that lie within others of the same device. Not those of
 * link-local addresses, which are never forwarded.
 */
export async function readLan(socket: netlink.NetlinkSocket, except: readonly string[]): Promise<RuleSettings['lan']> {
  const links = (await socket.dump(netlink.listLinks())).map(netlink.readLink);
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const found: { device: string; prefix: Prefix }[] = [];
  for (const family of [4, 6] as const)
    for (const { index, address, prefixLength } of (await socket.dump(netlink.listAddresses(family))).map(netlink.readAddress)) {
      const device = names.get(index) ?? '';
      if (index === LOOPBACK_INDEX || device === '' || except.includes(device)) continue;
      const { value } = ipOfBytes(address);
      const isLinkLocal = family === 6 && value >> 118n === 0x3fan;
      if (prefixLength < widthOf(family) && !isLinkLocal)
        found.push({ device, prefix: { family, base: value & maskOf(family, prefixLength), length: prefixLength } });
    }
  const within = (inner: (typeof found)[number], outer: (typeof found)[number]) =>
    inner.device === outer.device &&
    inner.prefix.length > outer.prefix.length &&
    holds(outer.prefix, { family: inner.prefix.family, value: inner.prefix.base });
  const widest = found.filter((one) => !found.some((other) => within(one, other)));
  const texts = new Map(
    widest.map(({ device, prefix }) => [`${device} ${formatPrefix(prefix)}`, { device, network: formatPrefix(prefix) }]),
  );
  return [...texts.values()].sort((a, b) => (`${a.device} ${a.network}` < `${b.device} ${b.network}` ? -1 : 1));
}
