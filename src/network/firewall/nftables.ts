import { netlink, run } from '../../host/index.ts';
import { type Element, encodeElement } from './elements.ts';

/** The ways in which the firewall speaks with the kernel: nft(8) for rules, netlink for the elements that come and go. */
export interface Nftables extends Disposable {
  /** All of the script happens or nothing. */
  apply(script: string): Promise<void>;
  /** Removes and adds elements of the maps: all of them or nothing. */
  change(table: string, remove: readonly Element[], add: readonly Element[]): Promise<void>;
  /** The objects of `nft -j list table FAMILY NAME`; undefined when there is no such table. */
  list(table: string, family?: 'ip' | 'ip6'): Promise<unknown[] | undefined>;
  /** Objects of any other listing, such as `list chains`; [] when nft cannot list it. */
  query(words: readonly string[]): Promise<unknown[]>;
}

export function nftables(): Nftables {
  let socket: netlink.NetlinkSocket | undefined;
  const listed = async (words: readonly string[]) => {
    const { code, stdout } = await run('nft', ['-j', ...words], { allowFailure: true });
    return code === 0 ? (JSON.parse(stdout) as { nftables: unknown[] }).nftables : undefined;
  };
  return {
    apply: async (script) => {
      await run('nft', ['-f', '-'], { input: script });
    },
    change: async (table, remove, add) => {
      // Kept open: closing one after a removal waits for a grace period of the kernel (7 to 20 ms), on the main thread.
      socket ??= new netlink.NetlinkSocket(netlink.NETLINK_NETFILTER);
      await netlink.changeMapElements(socket, table, remove.map(encodeElement), add.map(encodeElement));
    },
    list: (table, family = 'ip') => listed(['list', 'table', family, table]),
    query: async (words) => (await listed(words)) ?? [],
    [Symbol.dispose]: () => socket?.[Symbol.dispose](),
  };
}
