import { closeSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf, type Ids, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import { type Allocator, addressBytes, broadcastOf, formatAddress, macAddressOf } from '../addresses/index.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { KernelNames } from '../settings.ts';

/** A network namespace that is ready for a container. */
export interface Member {
  /** Seven digits: the name of the file, and of the link after the daemon's prefix. */
  id: string;
  /** The file that holds the namespace. */
  file: string;
  /** What it has on the bridge; undefined for one with loopback only. */
  onBridge?: { link: string; address: number; macAddress: string };
}

/** The device of the container's end. */
const DEVICE = 'eth0';
const LOOPBACK_INDEX = 1;

/** As Docker sets them for containers that do not share the host's network: low ports and ping need no capability. */
const SYSCTLS: readonly (readonly [string, string])[] = [
  ['net/ipv4/ip_unprivileged_port_start', '0'],
  ['net/ipv4/ping_group_range', '0 2147483647'],
  // Before the device is there, so that it never gets an address of IPv6 that leads nowhere. Loopback keeps ::1.
  ['net/ipv6/conf/default/disable_ipv6', '1'],
];

export interface Maker {
  /** In the daemon's own namespace. */
  socket: netlink.NetlinkSocket;
  names: KernelNames;
  ids: Ids;
  log: Log;
}

interface Draft extends Member {
  inside: netlink.NetlinkSocket;
}

/**
 * Makes `count` namespaces in two rounds of netlink for all of them, without a process. Resolves to as many as there
 * are addresses for, at least one; fails when not even one can be made, and leaves nothing of what failed.
 */
export async function makeOnBridge(maker: Maker, bridge: Bridge, addresses: Allocator, count: number): Promise<Member[]> {
  await using undo = new AsyncDisposableStack();
  const drafts: (Draft & Required<Pick<Member, 'onBridge'>>)[] = [];
  for (let made = 0; made < count; made += 1) {
    let address: number;
    try {
      address = addresses.allocate();
    } catch (error) {
      if (drafts.length > 0) break;
      throw error;
    }
    undo.defer(() => addresses.release(address));
    const draft = makeDraft(maker, undo);
    drafts.push({ ...draft, onBridge: { link: maker.names.linkPrefix + draft.id, address, macAddress: macAddressOf(address) } });
    await nextTurn();
  }
  await joinBridge(maker, bridge, drafts);
  undo.defer(() =>
    removeLinks(
      maker.socket,
      drafts.map((draft) => draft.onBridge.link),
    ),
  );
  await Promise.all(drafts.map((draft) => configure(draft.inside, bridge, draft.onBridge.address)));
  return finish(drafts, undo);
}

/** Namespaces with loopback only. */
export async function makeLoopbackOnly(maker: Maker, count: number): Promise<Member[]> {
  await using undo = new AsyncDisposableStack();
  const drafts: Draft[] = [];
  for (let made = 0; made < count; made += 1) {
    drafts.push(makeDraft(maker, undo));
    await nextTurn();
  }
  await Promise.all(
    drafts.map(({ inside }) => inside.require([netlink.setLink(LOOPBACK_INDEX, { up: true })], () => 'Bringing up loopback')),
  );
  return finish(drafts, undo);
}

function makeDraft({ names, ids }: Maker, undo: AsyncDisposableStack): Draft {
  const id = ids.next().slice(0, 7);
  const file = path.join(names.namespaces, id);
  const inside = netlink.makeNamespace(file, () => {
    for (const [key, value] of SYSCTLS) writeSysctl(key, value);
    return new netlink.NetlinkSocket(netlink.NETLINK_ROUTE);
  });
  undo.defer(() => netlink.dropNamespace(file));
  undo.defer(() => inside[Symbol.dispose]());
  return { id, file, inside };
}

/** A kernel without IPv6 has no such file, and needs none. */
function writeSysctl(key: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/${key}`, value);
  } catch (error) {
    if (!key.startsWith('net/ipv6/') || errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function joinBridge(
  { socket }: Maker,
  bridge: Bridge,
  drafts: readonly (Member & Required<Pick<Member, 'onBridge'>>)[],
): Promise<void> {
  const descriptors: number[] = [];
  try {
    const messages = drafts.map(({ file, onBridge }) => {
      const descriptor = openSync(file, 'r');
      descriptors.push(descriptor);
      return netlink.addVeth(
        { name: onBridge.link, mtu: bridge.mtu, master: bridge.index, up: true },
        { name: DEVICE, mtu: bridge.mtu, macAddress: onBridge.macAddress },
        descriptor,
      );
    });
    // Two messages for each: the pair, then its port on the bridge.
    const answers = await socket.transact(
      messages.flatMap((message, index) => [message, netlink.allowHairpin(drafts[index]?.onBridge.link ?? '')]),
    );
    const failed = answers.findIndex((answer) => answer.error !== 0);
    if (failed < 0) return;
    await removeLinks(
      socket,
      drafts.filter((_, index) => answers[index * 2]?.error === 0).map((draft) => draft.onBridge.link),
    );
    throw netlink.netlinkError(
      `Joining ${drafts[failed >> 1]?.onBridge.link} to the bridge ${bridge.name}`,
      answers[failed] ?? { error: 0, text: '' },
    );
  } finally {
    descriptors.forEach(closeSync);
  }
}

/** An interface for a namespace that is in use. */
export interface Interface {
  device: string;
  address: number;
  /** Of the address when absent. */
  macAddress?: string | undefined;
  /** That the host's end is made in. */
  group?: number;
}

/** Gives a namespace that is in use an interface on the bridge, without a default route. Its host end has the member's name, as always. */
export async function plugIn({ socket, names }: Maker, bridge: Bridge, member: Member, wanted: Interface): Promise<void> {
  const link = names.linkPrefix + member.id;
  const { device, address, macAddress = macAddressOf(address), group = 0 } = wanted;
  const descriptor = openSync(member.file, 'r');
  try {
    await socket.require(
      [
        netlink.addVeth(
          { name: link, mtu: bridge.mtu, master: bridge.index, group, up: true },
          { name: device, mtu: bridge.mtu, macAddress },
          descriptor,
        ),
        netlink.allowHairpin(link),
      ],
      () => `Joining ${link} to the bridge ${bridge.name}`,
    );
  } finally {
    closeSync(descriptor);
  }
  using inside = netlink.insideNamespace(member.file, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const index = await deviceIndex(inside, device);
  const { subnet } = bridge.address;
  await inside.require(
    [
      netlink.setLink(index, { up: true }),
      netlink.addAddress(index, addressBytes(address), subnet.prefixLength, addressBytes(broadcastOf(subnet))),
    ],
    () => `Setting up ${device} with ${formatAddress(address)}`,
  );
  member.onBridge = { link, address, macAddress };
}

async function configure(inside: netlink.NetlinkSocket, bridge: Bridge, address: number): Promise<void> {
  const index = await deviceIndex(inside);
  const { subnet, gateway } = bridge.address;
  await inside.require(
    [
      netlink.setLink(LOOPBACK_INDEX, { up: true }),
      netlink.setLink(index, { up: true }),
      netlink.addAddress(index, addressBytes(address), subnet.prefixLength, addressBytes(broadcastOf(subnet))),
      netlink.addDefaultRoute(index, addressBytes(gateway)),
    ],
    (step) => `Setting up ${DEVICE} with ${formatAddress(address)} (step ${step + 1})`,
  );
}

async function deviceIndex(inside: netlink.NetlinkSocket, device = DEVICE): Promise<number> {
  const link = await netlink.findLink(inside, device);
  return link?.index ?? 0;
}

/** Gives a member another address or hardware address. The member's own record is changed when the kernel has done it. */
export async function adjust(member: Member, bridge: Bridge, wanted: { address?: number; macAddress?: string }): Promise<void> {
  const { onBridge } = member;
  if (!onBridge) return;
  using inside = netlink.insideNamespace(member.file, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const index = await deviceIndex(inside);
  const address = wanted.address ?? onBridge.address;
  const macAddress = wanted.macAddress ?? macAddressOf(address);
  const { subnet, gateway } = bridge.address;
  const messages = [netlink.setLink(index, { up: false }), netlink.setLink(index, { macAddress, up: true })];
  if (address !== onBridge.address) {
    messages.push(
      netlink.deleteAddress(index, addressBytes(onBridge.address), subnet.prefixLength),
      netlink.addAddress(index, addressBytes(address), subnet.prefixLength, addressBytes(broadcastOf(subnet))),
    );
  }
  // The route went away with the device.
  messages.push(netlink.addDefaultRoute(index, addressBytes(gateway)));
  await inside.require(messages, () => `Giving the container the address ${formatAddress(address)} (${macAddress})`);
  member.onBridge = { ...onBridge, address, macAddress };
}

function finish(drafts: readonly Draft[], undo: AsyncDisposableStack): Member[] {
  for (const { inside } of drafts) inside[Symbol.dispose]();
  undo.move();
  return drafts.map(({ id, file, onBridge }) => ({ id, file, ...(onBridge ? { onBridge } : {}) }));
}

/** Any number that no one else uses: a link that is made anew is in this group until all inside the container is as it was. */
export const UNFINISHED_GROUP = 0x67616e75;
/** Another one: links that are about to go are gathered in it. */
const DOOMED_GROUP = 0x67616e74;
const ENODEV = 19;

/** Deletes links (with their other ends) in one grace period of the kernel. Those that are gone already are fine. */
export async function removeLinks(socket: netlink.NetlinkSocket, links: readonly string[]): Promise<void> {
  if (links.length === 0) return;
  const messages = [...links.map((link) => netlink.setLink(link, { group: DOOMED_GROUP })), netlink.deleteGroup(DOOMED_GROUP)];
  await socket.require(messages, (index) => `Removing the link ${links[index] ?? links.join(', ')}`, [ENODEV]);
}
