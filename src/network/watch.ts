import { type Clock, describe, type Log } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import type { NetworkRecord } from '../model/index.ts';
import type { Ground } from './bridge/ground.ts';
import { type Covered, coveredNetworks } from './coverage.ts';
import { readHostPrefixes } from './define/taken.ts';
import { findLostRoutes, putRouteBack } from './own-routes.ts';
import { removeLinks, UNFINISHED_GROUP } from './pool/member.ts';
import type { UserNetworks } from './user-networks.ts';

/** A look costs microseconds; what it finds is put right within half a second. */
const LOOK_MILLISECONDS = 400;

/** A bridge that must be there. */
export interface KeptBridge {
  readonly bridge: string;
  isSound(devices: netlink.Devices): boolean;
  ensure(): Promise<unknown>;
  /** Puts settings of the kernel back. Whether one had to be. */
  checkSettings(): boolean;
}

/** An interface that a running container has. */
export interface Living {
  /** Of the host. */
  link: string;
  mend(links: readonly netlink.LinkFacts[]): Promise<'fine' | 'mended' | 'gone'>;
  /** Makes it anew, with all that leads through it. The link is in UNFINISHED_GROUP then. */
  restore(): Promise<void>;
}

export interface SweepParts {
  socket: netlink.NetlinkSocket;
  ground: Ground;
  users: UserNetworks;
  /** The networks by whose subnets the host's routes are judged. */
  networks(): readonly NetworkRecord[];
  log: Log;
}

/** Compares bridges, links, settings and routes with what they should be; puts right what is ours, and tells of what is not. */
export class Sweep {
  readonly drift = { links: 0, sysctls: 0 };
  readonly #parts: SweepParts;
  #told = new Set<string>();

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  async devices(living: () => Iterable<Living>): Promise<void> {
    const { socket, ground, log } = this.#parts;
    let devices = await netlink.readDevices(socket);
    for (const one of this.#bridges()) {
      if (one.isSound(devices)) continue;
      // It may have changed on our own account since the list was made.
      devices = await netlink.readDevices(socket);
      if (one.isSound(devices) || !this.#bridges().includes(one)) continue;
      this.drift.links += 1;
      log.warn('The bridge of a network was deleted or changed by someone else: putting it back', { bridge: one.bridge });
      await this.#attempt(one.bridge, () => one.ensure());
      devices = await netlink.readDevices(socket);
    }
    ground.dropBroken(devices.links);
    const isLiving = ({ link }: Living) => [...living()].some((other) => other.link === link);
    for (const one of [...living()]) await this.#attempt(one.link, () => this.#mend(one, devices.links, isLiving));
  }

  /** What cannot be put right leaves the others alone, and is tried again when the kernel tells of the next change. */
  async #attempt(device: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.error('A device could not be put back as it was', { device, error: describe(error) });
    }
  }

  async #mend(one: Living, links: readonly netlink.LinkFacts[], isLiving: (one: Living) => boolean): Promise<void> {
    const { socket, log } = this.#parts;
    let state = await this.#look(one, links);
    // It may have come or gone on our own account since the list was made.
    if (state === 'gone') state = await this.#look(one, (await netlink.readDevices(socket)).links);
    if (state === 'fine' || !isLiving(one)) return;
    this.drift.links += 1;
    log.warn('The link of a running container was changed or deleted by someone else: putting it back', { link: one.link });
    if (state !== 'gone') return;
    await one.restore();
    await socket.require([netlink.setLink(one.link, { group: 0 })], () => `Finishing the link ${one.link}`);
  }

  /** One that was being made anew when the daemon was killed, or when something failed, is begun once more. */
  async #look(one: Living, links: readonly netlink.LinkFacts[]): Promise<'fine' | 'mended' | 'gone'> {
    if (!links.some(({ name, group }) => name === one.link && group === UNFINISHED_GROUP)) return await one.mend(links);
    await removeLinks(this.#parts.socket, [one.link]);
    return 'gone';
  }

  settings(): void {
    for (const one of this.#bridges()) {
      if (!one.checkSettings()) continue;
      this.drift.sysctls += 1;
      this.#parts.log.warn('A setting of the kernel was changed by someone else: putting it back', { bridge: one.bridge });
    }
  }

  /** Puts routes to our bridges back. Resolves to what the host's routes have newly in the way of networks. */
  async routes(): Promise<Covered[]> {
    await this.#ownRoutes();
    const covered = coveredNetworks(this.#parts.networks(), await readHostPrefixes(this.#parts.socket, this.#bridgeNames()));
    const fresh = covered.filter(({ sentence }) => !this.#told.has(sentence));
    this.#told = new Set(covered.map(({ sentence }) => sentence));
    return fresh;
  }

  async #ownRoutes(): Promise<void> {
    const { socket, log } = this.#parts;
    for (const lost of await findLostRoutes(socket, () => this.#bridgeNames())) {
      this.drift.links += 1;
      log.warn('The route to a network was deleted by someone else: putting it back', { bridge: lost.bridge });
      await this.#attempt(lost.bridge, () => putRouteBack(socket, lost));
    }
  }

  #bridgeNames(): ReadonlySet<string> {
    return new Set(this.#bridges().map(({ bridge }) => bridge));
  }

  #bridges(): KeptBridge[] {
    return [this.#parts.ground, ...this.#parts.users.bridges];
  }
}

export interface Watch {
  sweep: Sweep;
  living(): Iterable<Living>;
  tell(covered: Covered): void;
}

/** Sweeps at once, and then whenever links, addresses or routes were changed by whomever, until the signal aborts. Resolves after the first time. */
export async function watchKernel({ sweep, living, tell }: Watch, signal: AbortSignal, clock: Clock, log: Log): Promise<void> {
  // Before the first look, so that no change falls between the two.
  const events = new netlink.RouteEvents();
  let cancel = () => {};
  const end = () => {
    cancel();
    events[Symbol.dispose]();
  };
  signal.addEventListener('abort', end, { once: true });
  await sweep.devices(living).catch((error) => log.error('Could not check links', { error: describe(error) }));
  for (const covered of await sweep.routes()) tell(covered);
  let looks = 0;
  const look = async () => {
    const { devices, routes } = events.poll();
    if (devices) await sweep.devices(living);
    if (routes) for (const covered of await sweep.routes()) tell(covered);
    // The kernel tells nobody of settings; reading them takes longest where there are many networks.
    looks += 1;
    if (looks % 2 === 0) sweep.settings();
  };
  const again = () => {
    cancel = clock.later(LOOK_MILLISECONDS, () => {
      void look()
        .catch((error) => log.error('Could not check links, routes and settings', { error: describe(error) }))
        .then(() => {
          if (!signal.aborted) again();
        });
    });
  };
  if (!signal.aborted) again();
}
