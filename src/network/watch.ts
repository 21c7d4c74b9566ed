import { type Clock, describe, type Log } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import type { Plug, Segment } from './segments/segment.ts';
import type { UserNetworks } from './user-networks.ts';

/** A look costs microseconds; what it finds is put right within half a second. */
const LOOK_MILLISECONDS = 400;

/** An interface that a running container has. */
export interface Living {
  segment: Segment;
  plug: Plug;
  namespace: string;
  /** Called when it was made anew: its routes are gone. */
  repaired(): Promise<void>;
}

/** Compares bridges, links and settings with what they should be, and puts them right. */
export class Sweep {
  readonly drift = { links: 0, sysctls: 0 };
  readonly #socket: netlink.NetlinkSocket;
  readonly #users: UserNetworks;
  readonly #log: Log;

  constructor(socket: netlink.NetlinkSocket, users: UserNetworks, log: Log) {
    this.#socket = socket;
    this.#users = users;
    this.#log = log;
  }

  async links(living: Iterable<Living>): Promise<void> {
    let links = await this.#list();
    const devices = new Map(links.map((link) => [link.name, link]));
    for (const segment of this.#users.bridges) {
      if (devices.get(segment.bridge)?.up) continue;
      if (!this.#users.segment(segment.record.id)) continue;
      this.drift.links += 1;
      this.#log.warn('The bridge of a network was deleted or set down by someone else: putting it back', { bridge: segment.bridge });
      await segment.ensure();
      links = await this.#list();
    }
    for (const one of [...living]) await this.#mend(one, links);
  }

  async #mend({ segment, plug, namespace, repaired }: Living, links: readonly netlink.LinkFacts[]): Promise<void> {
    const state = await segment.mend(plug, links);
    if (state === 'fine') return;
    // It may be on its way out by now.
    if (state === 'gone' && (await segment.mend(plug, await this.#list())) === 'fine') return;
    this.drift.links += 1;
    this.#log.warn('The link of a running container was changed or deleted by someone else: putting it back', { link: plug.link });
    if (state === 'gone') {
      await segment.restore(plug, namespace);
      await repaired();
    }
  }

  settings(): void {
    for (const segment of this.#users.bridges) {
      if (!segment.checkSettings()) continue;
      this.drift.sysctls += 1;
      this.#log.warn('A setting of the kernel was changed by someone else: putting it back', { bridge: segment.bridge });
    }
  }

  async #list(): Promise<netlink.LinkFacts[]> {
    return (await this.#socket.dump(netlink.listLinks())).map(netlink.readLink);
  }
}

/** Sweeps whenever links were changed by whomever, until the signal aborts. */
export function watchKernel(sweep: Sweep, living: () => Iterable<Living>, signal: AbortSignal, clock: Clock, log: Log): void {
  const events = new netlink.RouteEvents();
  let cancel: () => void;
  const look = async () => {
    const { links } = events.poll();
    if (links) await sweep.links(living());
    sweep.settings();
  };
  const again = () => {
    cancel = clock.later(LOOK_MILLISECONDS, () => {
      void look()
        .catch((error) => log.error('Could not check links and settings', { error: describe(error) }))
        .then(() => {
          if (!signal.aborted) again();
        });
    });
  };
  again();
  signal.addEventListener(
    'abort',
    () => {
      cancel();
      events[Symbol.dispose]();
    },
    { once: true },
  );
}
