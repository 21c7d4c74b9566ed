import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type Clock, describe, errnoOf, isKind, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { EndpointState } from '../../model/index.ts';
import { type Allocator, parseAddress } from '../addresses/index.ts';
import { type Bridge, ensureBridge, isSound } from '../bridge/bridge.ts';
import { adjust, type Maker, type Member, makeLoopbackOnly, makeOnBridge, plugIn, removeLinks, UNFINISHED_GROUP } from './member.ts';
import { Pool } from './pool.ts';
import { type Further, Removal } from './removal.ts';

export interface NamespacesOptions {
  maker: Maker;
  bridge: Bridge;
  addresses: Allocator;
  clock: Clock;
  log: Log;
  poolSize: number;
}

interface Claim {
  idle?: Member;
  address?: number;
}

/** Containers without a network are rarer. */
const LOOPBACK_POOL = 2;

/** All namespaces of this daemon: those that containers have, those that wait for one, and those on their way out. */
export class Namespaces implements AsyncDisposable {
  readonly #options: NamespacesOptions;
  readonly #onBridge: Pool;
  readonly #loopbackOnly: Pool;
  readonly #removal: Removal;
  readonly #removalSocket = new netlink.NetlinkSocket(netlink.NETLINK_ROUTE);

  constructor(options: NamespacesOptions) {
    const { maker, bridge, addresses, clock, log, poolSize } = options;
    this.#options = options;
    this.#onBridge = new Pool({
      make: (count) => this.#onSoundBridge(() => makeOnBridge(maker, bridge, addresses, count)),
      clock,
      log,
      size: poolSize,
    });
    this.#loopbackOnly = new Pool({ make: (count) => makeLoopbackOnly(maker, count), clock, log, size: Math.min(poolSize, LOOPBACK_POOL) });
    this.#removal = new Removal(this.#removalSocket, clock, log);
  }

  fill(): void {
    this.#onBridge.fill();
    this.#loopbackOnly.fill();
  }

  /** Someone may have deleted the bridge so lately that nobody has looked since: whoever joins it puts it back, and tries once more. */
  async #onSoundBridge<Joined>(join: () => Promise<Joined>): Promise<Joined> {
    const { maker, bridge, log } = this.#options;
    const { index, name, address, mtu } = bridge;
    try {
      return await join();
    } catch (error) {
      if (bridge.index === index && isSound(bridge, await netlink.readDevices(maker.socket))) throw error;
      Object.assign(bridge, await ensureBridge(maker.socket, name, address, mtu, log));
      return await join();
    }
  }

  takeLoopbackOnly(signal?: AbortSignal): Promise<Member> {
    return this.#loopbackOnly.take(signal);
  }

  /** With the address and hardware address that are asked for. Fails with `conflict` when another has the address. */
  async takeOnBridge(wanted: { address?: string; macAddress?: string }, signal?: AbortSignal): Promise<Member> {
    if (wanted.address === undefined && wanted.macAddress === undefined) return this.#takeAny(signal);
    const { addresses, bridge } = this.#options;
    const { idle, address }: Claim = wanted.address === undefined ? {} : await this.#claim(wanted.address);
    await using undo = new AsyncDisposableStack();
    if (address !== undefined) undo.defer(() => addresses.release(address));
    const member = idle ?? (await this.#takeAny(signal));
    const before = member.onBridge?.address;
    undo.defer(() => this.discard(member));
    if (address !== undefined || wanted.macAddress !== undefined) {
      await adjust(member, bridge, {
        ...(address === undefined ? {} : { address }),
        ...(wanted.macAddress === undefined ? {} : { macAddress: wanted.macAddress }),
      });
    }
    undo.move();
    if (before !== undefined && before !== member.onBridge?.address) addresses.release(before);
    return member;
  }

  /** An address by name: of an idle namespace that has it, or reserved. Waits for one whose container is just leaving, as on a restart. */
  async #claim(text: string, again = true): Promise<Claim> {
    const idle = this.#onBridge.takeWhere(({ onBridge }) => onBridge?.address === parseAddress(text));
    if (idle) return { idle };
    try {
      return { address: this.#options.addresses.reserve(text) };
    } catch (error) {
      if (!again || !isKind(error, 'conflict')) throw error;
      await Promise.all([this.#removal.idle(), this.#onBridge.settled()]);
      return this.#claim(text, false);
    }
  }

  /** A full subnet may have room as soon as what is on its way out has gone. */
  async #takeAny(signal?: AbortSignal): Promise<Member> {
    try {
      return await this.#onBridge.take(signal);
    } catch (error) {
      if (!isKind(error, 'conflict') || !this.#removal.isBusy) throw error;
      await this.#removal.idle();
      return this.#onBridge.take(signal);
    }
  }

  /** Goes on with the namespace that an earlier daemon made; undefined when it is gone. Its address is taken from now on. */
  adopt(file: string, endpoint: EndpointState | undefined): Member | undefined {
    const { names } = this.#options.maker;
    const id = path.basename(file);
    if (path.dirname(file) !== names.namespaces || !existsSync(file)) return undefined;
    if (!endpoint || endpoint.ipv4Address === '') return { id, file };
    const address = this.#keepAddress(endpoint.ipv4Address);
    return { id, file, onBridge: { link: names.linkPrefix + id, address, macAddress: endpoint.macAddress } };
  }

  /** An address that can't be taken must not keep the daemon from starting: the container lives with it already. */
  #keepAddress(text: string): number {
    try {
      return this.#options.addresses.reserve(text);
    } catch (error) {
      this.#options.log.warn('A running container has an address that does not fit the bridge: restart it', {
        address: text,
        error: describe(error),
      });
      return parseAddress(text) ?? 0;
    }
  }

  /** Takes it apart in the background. */
  discard(member: Member, further?: Further): void {
    this.#removal.add(member, member.onBridge ? this.#options.addresses : undefined, further);
  }

  /** Resolves when all that was discarded so far is gone; undefined when nothing is on its way out. */
  leaving(): Promise<void> | undefined {
    return this.#removal.isBusy ? this.#removal.idle() : undefined;
  }

  /** Gives a member that is in use an interface on the bridge. */
  async plug(member: Member, device: string, macAddress: string | undefined): Promise<void> {
    const { maker, bridge, addresses } = this.#options;
    const address = addresses.allocate();
    try {
      await this.#onSoundBridge(() => plugIn(maker, bridge, member, { device, address, macAddress }));
    } catch (error) {
      addresses.release(address);
      throw error;
    }
  }

  /** Gives a member in use its interface on the bridge once more, with the same addresses. It is unfinished then: see UNFINISHED_GROUP. */
  async replug(member: Member, device: string): Promise<void> {
    const { maker, bridge } = this.#options;
    const { onBridge } = member;
    if (onBridge) await plugIn(maker, bridge, member, { ...onBridge, device, group: UNFINISHED_GROUP });
  }

  /** Takes apart those that lie ready and that `isBad` says of; others are made in their place. */
  discardIdle(isBad: (member: Member) => boolean): void {
    for (let member = this.#onBridge.takeWhere(isBad); member; member = this.#onBridge.takeWhere(isBad)) this.discard(member);
  }

  /** Takes a member that is in use off the bridge. */
  async unplug(member: Member): Promise<void> {
    const { onBridge } = member;
    if (!onBridge) return;
    await this.removeLink(onBridge.link);
    delete member.onBridge;
    this.#options.addresses.release(onBridge.address);
  }

  removeLink(link: string): Promise<void> {
    return removeLinks(this.#removalSocket, [link]);
  }

  /** Removes every namespace and link of ours that is not of `members`, `further` links apart. */
  async removeStrangers(members: readonly Member[], further: readonly string[] = []): Promise<void> {
    const { maker } = this.#options;
    const links = (await maker.socket.dump(netlink.listLinks())).map(netlink.readLink);
    const ours = links.filter(({ name, kind }) => kind === 'veth' && name.startsWith(maker.names.linkPrefix));
    const known = new Set(members.map(({ onBridge }) => onBridge?.link));
    const files = new Set(members.map(({ id }) => id));
    const strangers = namespaceFiles(maker.names.namespaces).filter((id) => !files.has(id));
    await removeLinks(
      maker.socket,
      ours.filter(({ name }) => !known.has(name) && !further.includes(name)).map(({ name }) => name),
    );
    for (const id of strangers) this.#dropStranger(path.join(maker.names.namespaces, id));
  }

  #dropStranger(file: string): void {
    try {
      netlink.dropNamespace(file);
    } catch (error) {
      this.#options.log.warn('Could not remove what an earlier daemon left', { file, error: describe(error) });
    }
  }

  /** Resolves when nothing waits for removal. */
  idle(): Promise<void> {
    return this.#removal.idle();
  }

  /** Idle namespaces go; those of containers stay as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removal.idle();
    // With its last file gone the kernel takes a namespace and its links apart by itself, after we have ended.
    for (const member of [...(await this.#onBridge.close()), ...(await this.#loopbackOnly.close())]) netlink.dropNamespace(member.file);
    this.#removalSocket[Symbol.dispose]();
  }
}

function namespaceFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
