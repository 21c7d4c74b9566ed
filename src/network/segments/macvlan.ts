import { conflict, errnoOf, GantryError, unsupported } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { EndpointState, NetworkRecord } from '../../model/index.ts';
import { type ParentSettings, readMacvlanOptions } from '../define/parent.ts';
import { removeLinks } from '../pool/member.ts';
import { Addressing } from './addressing.ts';
import type { SegmentParts } from './bridge.ts';
import { deviceDescriptor } from './descriptor.ts';
import { configureDevice, SYSCTLS_OPTION } from './inside.ts';
import type { Plug, PlugRequest, Segment } from './segment.ts';

/** macvlan and ipvlan: containers with devices of their own on top of a device of the host, seen by its neighbours. */
export class ParentSegment implements Segment {
  readonly record: NetworkRecord;
  readonly leadsOut = false;
  readonly devicePrefix = 'eth';
  readonly #parts: SegmentParts;
  readonly #settings: ParentSettings;
  readonly #addressing: Addressing;
  #parent = 0;
  #mtu = 0;
  #probed = false;

  constructor(record: NetworkRecord, parts: SegmentParts) {
    this.record = record;
    this.#parts = parts;
    this.#settings = readMacvlanOptions(this.#driver, record.options, record.internal);
    this.#addressing = new Addressing(record, parts.ids, parts.log);
  }

  get #driver(): 'macvlan' | 'ipvlan' {
    return this.record.driver === 'ipvlan' ? 'ipvlan' : 'macvlan';
  }

  /** A device of the network's own: a VLAN that was not there, or one that leads nowhere. '' when the parent is someone else's. */
  get #own(): string {
    return this.#settings.parent === '' ? `dm-${this.record.id.slice(0, 12)}` : '';
  }

  async ensure(): Promise<boolean> {
    const { socket } = this.#parts;
    const links = (await socket.dump(netlink.listLinks())).map(netlink.readLink);
    const { parent, vlan } = this.#settings;
    const name = parent || this.#own;
    let link = links.find((one) => one.name === name);
    const missing = link === undefined;
    if (!link) {
      if (parent === '') await this.#make([netlink.addDummy({ name, up: true })], `Making the device ${name}`);
      else if (vlan) {
        const device = links.find((one) => one.name === vlan.device);
        if (!device) throw noParent(vlan.device, this.record.name);
        await this.#make([netlink.addVlan({ name, up: true }, device.index, vlan.id)], `Making the VLAN ${name}`);
        await socket.require([netlink.setLink(name, { alias: aliasOf(this.record) })], () => `Naming the VLAN ${name}`);
      } else throw noParent(parent, this.record.name);
      link = await netlink.findLink(socket, name);
    }
    this.#parent = link?.index ?? 0;
    this.#mtu = this.#settings.mtu ?? link?.mtu ?? 1500;
    if (!this.#probed) await this.#probe();
    this.#probed = true;
    return missing;
  }

  /** A device made and removed again tells whether the kernel has the driver at all. */
  async #probe(): Promise<void> {
    const name = `gp${this.#parts.ids.next().slice(0, 8)}`;
    await this.#make([this.#device({ name, mtu: this.#mtu }, undefined)], `Making a ${this.#driver} device`);
    await removeLinks(this.#parts.socket, [name]);
  }

  #device(fields: netlink.LinkFields, namespace: number | undefined) {
    const { mode, flag } = this.#settings;
    return this.#driver === 'macvlan'
      ? netlink.addMacvlan(fields, this.#parent, netlink.MACVLAN_MODES[mode] ?? 4, namespace)
      : netlink.addIpvlan(fields, this.#parent, netlink.IPVLAN_MODES[mode] ?? 0, netlink.IPVLAN_FLAGS[flag] ?? 0, namespace);
  }

  async #make(messages: Parameters<netlink.NetlinkSocket['require']>[0], what: string): Promise<void> {
    try {
      await this.#parts.socket.require(messages, () => what);
    } catch (error) {
      const code = errnoOf(error instanceof Error ? error.cause : undefined);
      if (code === 'EOPNOTSUPP' || code === 'ENOTSUP' || code === 'ENODEV')
        throw unsupported(`${what}: this kernel has no support for it (network ${this.record.name}, driver ${this.#driver})`);
      if (code === 'EBUSY') throw conflict(`${what}: the device ${this.#settings.parent} is in use by another network`);
      throw error;
    }
  }

  async plug({ owner, namespace, device, wish, leads }: PlugRequest): Promise<Plug> {
    await this.ensure();
    const endpointId = this.#parts.ids.next();
    await using undo = new AsyncDisposableStack();
    const grant = this.#addressing.take(wish, owner);
    undo.defer(() => this.#addressing.release(grant.addresses));
    {
      using descriptor = deviceDescriptor(namespace);
      const fields = { name: device, mtu: this.#mtu, ...(this.#driver === 'macvlan' ? { macAddress: grant.macAddress } : {}) };
      await this.#make([this.#device(fields, descriptor.number)], `Giving ${owner} a ${this.#driver} device`);
      undo.defer(() => removeInside(namespace, device));
    }
    const sysctls = wish.driverOptions[SYSCTLS_OPTION] ?? '';
    await configureDevice(namespace, device, { grant, sysctls, leads: leads && !this.record.internal });
    undo.move();
    const endpoint = this.#addressing.describe(endpointId, device, grant);
    return { endpoint, link: '', release: () => this.#addressing.release(grant.addresses) };
  }

  adopt(endpoint: EndpointState, owner: string): Plug {
    const addresses = this.#addressing.adopt(endpoint, owner);
    return { endpoint, link: '', release: () => this.#addressing.release(addresses) };
  }

  mend(): Promise<'fine'> {
    return Promise.resolve('fine');
  }

  /** The host has no end of it to lose. */
  restore(): Promise<void> {
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    const { socket } = this.#parts;
    const name = this.#settings.parent || this.#own;
    const link = await netlink.findLink(socket, name);
    // A VLAN that we made says so; a parent of the host's stays.
    const ours = link !== undefined && (this.#own === name || link.alias === aliasOf(this.record));
    if (ours) await removeLinks(socket, [name]);
  }
}

const aliasOf = (record: NetworkRecord) => `gantry network ${record.name}`.slice(0, 200);

const noParent = (device: string, network: string) =>
  new GantryError('invalid', `invalid parent of the network ${network}: there is no device ${device} on this host`);

const ENODEV = 19;

/** Removes a device from the inside of a container. One that is gone is fine. */
export async function removeInside(namespace: string, device: string): Promise<void> {
  using inside = netlink.insideNamespace(namespace, () => new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  await inside.require([netlink.deleteLink(device)], () => `Removing the device ${device}`, [ENODEV]);
}
