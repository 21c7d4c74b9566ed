import { decodeAttributes, textOf } from './message.ts';
import { NETLINK_NETFILTER, NetlinkEvents } from './socket.ts';

/** Messages of nf_tables (linux/netfilter/nf_tables.h). Their first attribute is always the name of the table. */
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const KINDS: Readonly<Record<number, RulesetChange['what']>> = {
  2: 'table removed',
  3: 'chain added',
  5: 'chain removed',
  8: 'rule removed',
  11: 'set removed',
  14: 'element removed',
};

export interface RulesetChange {
  what: 'table removed' | 'chain added' | 'chain removed' | 'rule removed' | 'set removed' | 'element removed';
  table: string;
}

/** Changes of the nftables rules of this namespace, by whomever, that can do harm. Two microseconds a look, and no process. */
export class RulesetEvents implements Disposable {
  readonly #events = new NetlinkEvents(NETLINK_NETFILTER, NFNLGRP_NFTABLES);

  /** Since the last call, without waiting; 'lost' when there were more than the kernel could keep. */
  poll(): RulesetChange[] | 'lost' {
    const received = this.#events.poll();
    if (received === 'lost') return received;
    return received.flatMap(({ type, body }) => {
      const what = type >> 8 === NFNL_SUBSYS_NFTABLES ? KINDS[type & 0xff] : undefined;
      return what ? [{ what, table: textOf(decodeAttributes(body, 4).get(1)) }] : [];
    });
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}
