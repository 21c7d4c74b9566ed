import type { Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { Member } from '../pool/member.ts';
import type { Namespaces } from '../pool/namespaces.ts';
import { type Bridge, ensureBridge, ensureSettings, isSound } from './bridge.ts';

/** Keeps the default bridge, and the links of containers on it, as they should be. */
export class Ground {
  readonly #socket: netlink.NetlinkSocket;
  readonly #bridge: Bridge;
  readonly #namespaces: Namespaces;
  readonly #log: Log;

  /** The index of `bridge` is set anew when the bridge has to be made anew. */
  constructor(socket: netlink.NetlinkSocket, bridge: Bridge, namespaces: Namespaces, log: Log) {
    this.#socket = socket;
    this.#bridge = bridge;
    this.#namespaces = namespaces;
    this.#log = log;
  }

  get bridge(): string {
    return this.#bridge.name;
  }

  isSound(devices: netlink.Devices): boolean {
    return isSound(this.#bridge, devices);
  }

  async ensure(): Promise<void> {
    const { name, address, mtu } = this.#bridge;
    Object.assign(this.#bridge, await ensureBridge(this.#socket, name, address, mtu, this.#log));
  }

  checkSettings(): boolean {
    return ensureSettings(this.#bridge.name, this.#log);
  }

  /** Puts the link of a running container back on the bridge. */
  async mend({ onBridge }: Member, links: readonly netlink.LinkFacts[]): Promise<'fine' | 'mended' | 'gone'> {
    if (!onBridge) return 'fine';
    const link = links.find(({ name }) => name === onBridge.link);
    if (!link) return 'gone';
    if (this.#isPlugged(link)) return 'fine';
    await this.#socket.require(
      [netlink.setLink(link.index, { master: this.#bridge.index, up: true }), netlink.allowHairpin(link.name)],
      () => `Putting ${link.name} back on the bridge ${this.#bridge.name}`,
    );
    return 'mended';
  }

  /** Makes the link of a running container anew, as it was but for its routes. */
  restore(member: Member, device: string): Promise<void> {
    return this.#namespaces.replug(member, device);
  }

  /** Namespaces that lie ready and have lost their link are no good: others are made in their place. */
  dropBroken(links: readonly netlink.LinkFacts[]): void {
    const sound = new Set(links.filter((link) => this.#isPlugged(link)).map(({ name }) => name));
    this.#namespaces.discardIdle(({ onBridge }) => onBridge !== undefined && !sound.has(onBridge.link));
  }

  #isPlugged({ master, up }: netlink.LinkFacts): boolean {
    return up && master === this.#bridge.index;
  }
}
