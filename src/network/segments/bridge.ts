import { readFileSync, writeFileSync } from 'node:fs';
import { conflict, errnoOf, GantryError, type Ids, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { EndpointState, NetworkRecord } from '../../model/index.ts';
import { ipBytes, lastOf, parseIp, requirePrefix } from '../addresses/index.ts';
import { type BridgeSettings, readBridgeOptions } from '../define/options.ts';
import type { GuardedNetwork } from '../firewall/index.ts';
import { removeLinks, UNFINISHED_GROUP } from '../pool/member.ts';
import { Addressing } from './addressing.ts';
import { deviceDescriptor } from './descriptor.ts';
import { addressesOn, configureDevice, type DeviceAddress, type DeviceWishes, onDevice, SYSCTLS_OPTION } from './inside.ts';
import type { Plug, PlugRequest, Segment } from './segment.ts';

export interface SegmentParts {
  /** In the daemon's own namespace. */
  socket: netlink.NetlinkSocket;
  ids: Ids;
  log: Log;
  /** Of host ends of interfaces. */
  linkPrefix: string;
  /** Bytes; for networks that name none. */
  mtu: number;
}

/** Both ends of an interface. */
const EEXIST = 17;

interface Wire {
  /** For people. */
  owner: string;
  /** The host's end. */
  link: string;
  namespace: string;
  /** The container's end. */
  device: string;
  /** Of the host's end. */
  group?: number;
}

/** Name of a network's bridge when nobody chose one: the form that operators know. */
export const bridgeNameOf = (record: Pick<NetworkRecord, 'id'>) => `br-${record.id.slice(0, 12)}`;

/** A network of its own on this host: a bridge, and a veth pair for each container. */
export class BridgeSegment implements Segment {
  readonly record: NetworkRecord;
  readonly settings: BridgeSettings;
  readonly bridge: string;
  readonly #parts: SegmentParts;
  readonly #addressing: Addressing;
  #index = 0;

  constructor(record: NetworkRecord, parts: SegmentParts) {
    this.record = record;
    this.#parts = parts;
    this.settings = readBridgeOptions(record.options, record.internal);
    this.bridge = this.settings.bridge || bridgeNameOf(record);
    this.#addressing = new Addressing(record, parts.ids, parts.log);
  }

  get leadsOut(): boolean {
    return !this.record.internal;
  }

  get devicePrefix(): string {
    return this.settings.devicePrefix;
  }

  /** What the firewall has to know. */
  guarded(open: GuardedNetwork['open']): GuardedNetwork {
    const subnetOf = (six: boolean) => this.record.subnets.find(({ subnet }) => subnet.includes(':') === six)?.subnet;
    const [subnet4, subnet6] = [subnetOf(false), subnetOf(true)];
    const { settings, record } = this;
    return {
      bridge: this.bridge,
      name: record.name,
      ...(subnet4 === undefined ? {} : { subnet4 }),
      ...(subnet6 === undefined ? {} : { subnet6 }),
      internal: record.internal,
      talk: settings.talk,
      masquerade: settings.masquerade,
      mode4: settings.gatewayMode4,
      mode6: settings.gatewayMode6,
      hostIPv4: settings.hostIPv4,
      open,
    };
  }

  /** A new network takes no device that is there already: it might be someone else's. */
  async refuseTaken(): Promise<void> {
    if (await this.#find()) throw conflict(`cannot create network ${this.record.name}: this host has a device ${this.bridge} already`);
  }

  async ensure(devices?: netlink.Devices): Promise<boolean> {
    const { socket } = this.#parts;
    const known = devices?.links.find(({ name }) => name === this.bridge);
    if (devices && known?.kind === 'bridge' && this.#adopt(known, devices)) return false;
    let link = await this.#find();
    const { mtu, macAddress } = this.#wanted;
    let changed = false;
    if (!link) {
      // Two may find at once that it is gone.
      await socket.require([netlink.addBridge({ name: this.bridge, mtu, macAddress })], () => `Making the bridge ${this.bridge}`, [EEXIST]);
      link = await this.#find();
      changed = true;
    }
    if (!link) throw new GantryError('internal', `The bridge ${this.bridge} vanished while it was being made`);
    if (link.kind !== 'bridge') throw conflict(`The device ${this.bridge} of the network ${this.record.name} is not a bridge`);
    this.#index = link.index;
    this.#writeSettings();
    if (changed || !link.up || link.macAddress !== macAddress || link.mtu !== mtu) {
      const alias = `gantry network ${this.record.name}`.slice(0, 200);
      await socket.require(
        [netlink.setLink(link.index, { mtu, macAddress, alias, up: true })],
        () => `Setting up the bridge ${this.bridge}`,
      );
      changed = true;
    }
    return (await this.#ensureAddresses()) || changed;
  }

  /** Goes on with the bridge of an earlier daemon if it is as it should be. */
  #adopt({ index }: netlink.LinkFacts, devices: netlink.Devices): boolean {
    this.#index = index;
    if (!this.isSound(devices)) return false;
    this.#writeSettings();
    return true;
  }

  get #wanted(): { mtu: number; macAddress: string } {
    const digits = this.record.id.slice(0, 8).match(/../g);
    return { mtu: this.settings.mtu ?? this.#parts.mtu, macAddress: `02:42:${digits?.join(':')}` };
  }

  /** Settings that traffic depends on are put back if they are not as they should be. Called often. */
  checkSettings(): boolean {
    const files: [string, string][] = [[`ipv4/conf/${this.bridge}/route_localnet`, '1']];
    if (this.#hasSix) files.push([`ipv6/conf/${this.bridge}/accept_ra`, '0'], ['ipv6/conf/all/forwarding', '1']);
    // Not in one expression: each must be put back.
    return files.filter(([key, value]) => this.#writeSetting(key, value)).length > 0;
  }

  #writeSettings(): void {
    // Without a subnet of it, IPv6 would only give the host a link-local address there.
    this.#writeSetting(`ipv6/conf/${this.bridge}/disable_ipv6`, this.#hasSix ? '0' : '1');
    // Its link-local address is made of a hardware address of our own. While the kernel looked for another machine with it, up to two
    // seconds from the first container on, nobody on the bridge would be found.
    if (this.#hasSix) this.#writeSetting(`ipv6/conf/${this.bridge}/accept_dad`, '0');
    this.checkSettings();
  }

  get #hasSix(): boolean {
    return this.record.subnets.some(({ subnet }) => subnet.includes(':'));
  }

  #writeSetting(key: string, value: string): boolean {
    const file = `/proc/sys/net/${key}`;
    try {
      if (readFileSync(file, 'utf8').trim() === value) return false;
      writeFileSync(file, value);
    } catch (error) {
      // A kernel without IPv6 has no such file.
      if (errnoOf(error) !== 'ENOENT') throw error;
      return false;
    }
    if (key === 'ipv6/conf/all/forwarding')
      this.#parts.log.info(`Turned on IPv6 forwarding (net.ipv6.conf.all.forwarding), which the network ${this.record.name} needs`);
    return true;
  }

  /** Whether the bridge is as it should be, by what the host has. */
  isSound({ links, addresses }: netlink.Devices): boolean {
    const link = links.find(({ name }) => name === this.bridge);
    const { mtu, macAddress } = this.#wanted;
    if (!link?.up || link.index !== this.#index || link.mtu !== mtu || link.macAddress !== macAddress) return false;
    const { missing, stale } = this.#compare(onDevice(addresses, link.index));
    return missing.length + stale.length === 0;
  }

  async #ensureAddresses(): Promise<boolean> {
    const { socket } = this.#parts;
    const { missing, stale } = this.#compare(await addressesOn(socket, this.#index));
    const messages = [
      ...stale.map((one) => netlink.deleteAddress(this.#index, one.bytes, one.prefixLength)),
      ...missing.map(({ ip, prefix }) =>
        netlink.addAddress(
          this.#index,
          ipBytes(ip),
          prefix.length,
          ip.family === 4 ? ipBytes({ family: 4, value: lastOf(prefix) }) : undefined,
        ),
      ),
    ];
    await socket.require(messages, () => `Giving the bridge ${this.bridge} its address`);
    return messages.length > 0;
  }

  #compare(present: readonly DeviceAddress[]) {
    const wanted = this.record.subnets.flatMap(({ subnet, gateway }) => {
      const ip = parseIp(gateway);
      const prefix = requirePrefix(subnet, 'subnet');
      const mode = prefix.family === 4 ? this.settings.gatewayMode4 : this.settings.gatewayMode6;
      return ip && mode !== 'isolated' ? [{ ip, prefix }] : [];
    });
    const same = (a: DeviceAddress, b: (typeof wanted)[number]) =>
      a.ip.family === b.ip.family && a.ip.value === b.ip.value && a.prefixLength === b.prefix.length;
    const linkLocal = ({ ip }: DeviceAddress) => ip.family === 6 && ip.value >> 118n === 0x3fan;
    return {
      missing: wanted.filter((one) => !present.some((other) => same(other, one))),
      stale: present.filter((one) => !linkLocal(one) && !wanted.some((other) => same(one, other))),
    };
  }

  async plug({ owner, namespace, device, wish, leads }: PlugRequest): Promise<Plug> {
    const { ids, linkPrefix } = this.#parts;
    const endpointId = ids.next();
    const link = linkPrefix + endpointId.slice(0, 7);
    await using undo = new AsyncDisposableStack();
    const grant = this.#addressing.take(wish, owner);
    undo.defer(() => this.#addressing.release(grant.addresses));
    undo.defer(() => removeLinks(this.#parts.socket, [link]));
    const sysctls = wish.driverOptions[SYSCTLS_OPTION] ?? '';
    await this.#wireSoundly({ owner, link, namespace, device }, { grant, sysctls, leads: leads && this.leadsOut });
    undo.move();
    return {
      endpoint: this.#addressing.describe(endpointId, device, grant),
      link,
      release: () => this.#addressing.release(grant.addresses),
    };
  }

  async restore({ endpoint, link }: Plug, namespace: string): Promise<void> {
    const grant = this.#addressing.grantOf(endpoint);
    const owner = endpoint.dnsNames?.[0] ?? 'a container';
    const device = endpoint.interfaceName ?? 'eth0';
    await this.#wire({ owner, link, namespace, device, group: UNFINISHED_GROUP }, { grant, sysctls: '', leads: false });
  }

  /** Someone may have deleted the bridge so lately that nobody has looked since: it is put back, and the link tried once more. */
  async #wireSoundly(wire: Wire, wishes: DeviceWishes): Promise<void> {
    const index = this.#index;
    try {
      await this.#wire(wire, wishes);
    } catch (error) {
      if (!(await this.ensure()) && this.#index === index) throw error;
      await removeLinks(this.#parts.socket, [wire.link]);
      await this.#wire(wire, wishes);
    }
  }

  async #wire({ owner, link, namespace, device, group = 0 }: Wire, wishes: DeviceWishes): Promise<void> {
    const mtu = this.settings.mtu ?? this.#parts.mtu;
    {
      using descriptor = deviceDescriptor(namespace);
      const near = { name: link, mtu, master: this.#index, group, up: true };
      const far = { name: device, mtu, macAddress: wishes.grant.macAddress };
      await this.#parts.socket.require(
        [
          netlink.addVeth(near, far, descriptor.number),
          netlink.setBridgePort(link, { hairpin: true, isolated: !this.settings.talk }),
          netlink.setLink(link, { alias: `${owner} on ${this.record.name}`.slice(0, 200) }),
        ],
        () => `Joining ${owner} to the bridge ${this.bridge}`,
      );
    }
    await configureDevice(namespace, device, wishes);
  }

  adopt(endpoint: EndpointState, owner: string): Plug {
    const addresses = this.#addressing.adopt(endpoint, owner);
    return {
      endpoint,
      link: this.#parts.linkPrefix + endpoint.endpointId.slice(0, 7),
      release: () => this.#addressing.release(addresses),
    };
  }

  async mend({ link }: Plug, links: readonly netlink.LinkFacts[]): Promise<'fine' | 'mended' | 'gone'> {
    const { socket } = this.#parts;
    const found = links.find(({ name }) => name === link);
    if (!found) return 'gone';
    if (found.master === this.#index && found.up) return 'fine';
    await socket.require(
      [
        netlink.setLink(found.index, { master: this.#index, up: true }),
        netlink.setBridgePort(link, { hairpin: true, isolated: !this.settings.talk }),
      ],
      () => `Putting ${link} back on the bridge ${this.bridge}`,
    );
    return 'mended';
  }

  async destroy(): Promise<void> {
    if (!(await this.#find())) return;
    await removeLinks(this.#parts.socket, [this.bridge]);
  }

  #find() {
    return netlink.findLink(this.#parts.socket, this.bridge);
  }
}
