import { describe, GantryError, type Ids, invalid, isKind, type Log, notFound } from '../base/index.ts';
import { blankEndpoint, type ContainerSpec, type EndpointRequest, type EndpointState, type NetworkRecord } from '../model/index.ts';
import { formatAddress } from './addresses/index.ts';
import type { Bridge } from './bridge/bridge.ts';
import type { Ground } from './bridge/ground.ts';
import { dropEndpoint, type Held, route, setEndpoints } from './held.ts';
import { dnsNamesOf, freeDevice, type Wanted } from './joining.ts';
import type { Attachment, AttachRequest } from './network.ts';
import type { Member } from './pool/member.ts';
import type { Namespaces } from './pool/namespaces.ts';
import type { Records } from './records.ts';
import { DEVICE_OPTION } from './segments/inside.ts';
import { removeInside } from './segments/macvlan.ts';
import type { Plug } from './segments/segment.ts';
import type { UserNetworks } from './user-networks.ts';
import type { Living } from './watch.ts';

export interface PluggingParts {
  records: Records;
  users: UserNetworks;
  namespaces: Namespaces;
  bridge: Bridge;
  ground: Ground;
  ids: Ids;
  log: Log;
}

/** What is known of an interface that is to be. */
interface Joint {
  record: NetworkRecord;
  request: AttachRequest;
  wish: EndpointRequest;
  leads: boolean;
}

const isGround = ({ record }: Wanted) => record.name === 'bridge';

/** Gives containers their namespaces and interfaces, and takes them away. */
export class Plugging {
  readonly #parts: PluggingParts;

  constructor(parts: PluggingParts) {
    this.#parts = parts;
  }

  onHost({ containerId, spec }: AttachRequest): Held {
    const endpoints = [this.#emptyEndpoint(this.#parts.records.host)];
    return { attachment: { containerId, namespace: '', endpoints, publishedPorts: [], spec }, plugs: new Map() };
  }

  async alone({ containerId, spec }: AttachRequest, signal?: AbortSignal): Promise<Held> {
    const member = await this.#parts.namespaces.takeLoopbackOnly(signal);
    const endpoints = [this.#emptyEndpoint(this.#parts.records.none)];
    return { attachment: { containerId, namespace: member.file, endpoints, publishedPorts: [], spec }, member, plugs: new Map() };
  }

  /** A namespace for a container, as it lies ready: on the default bridge already, if that is the container's first network. */
  async settle(request: AttachRequest, wanted: readonly Wanted[], undo: AsyncDisposableStack, signal?: AbortSignal): Promise<Held> {
    const { namespaces } = this.#parts;
    const { containerId, spec } = request;
    const onBridge = wanted[0] && isGround(wanted[0]) ? wanted[0] : undefined;
    const member = onBridge ? await namespaces.takeOnBridge(this.#wishesOf(spec), signal) : await namespaces.takeLoopbackOnly(signal);
    undo.defer(() => namespaces.discard(member));
    const endpoints = onBridge ? [this.#endpointOf(member, 'eth0', onBridge.wish)] : [];
    return { attachment: { containerId, namespace: member.file, endpoints, publishedPorts: [], spec }, member, plugs: new Map() };
  }

  /** An interface on each other network that it wants, in order. */
  async join(held: Held, request: AttachRequest, wanted: readonly Wanted[], undo: AsyncDisposableStack): Promise<void> {
    const known = new Set(held.attachment.endpoints.map(({ networkId }) => networkId));
    const leads = wanted.length === 1;
    const others = wanted.filter(({ record }) => !known.has(record.id));
    for (const one of others) {
      if (isGround(one)) await this.#plugGround(held, one.wish, undo);
      else await this.#plugMade(held, { ...one, request, leads }, undo);
    }
    if (others.length > 0 && !leads) await route(held);
  }

  /** Adds an interface on a network, without routes. */
  plug(held: Held, record: NetworkRecord, request: AttachRequest, wish: EndpointRequest, undo: AsyncDisposableStack): Promise<void> {
    return record.name === 'bridge'
      ? this.#plugGround(held, wish, undo)
      : this.#plugMade(held, { record, request, wish, leads: false }, undo);
  }

  async #plugMade(held: Held, { record, request, wish, leads }: Joint, undo: AsyncDisposableStack): Promise<void> {
    const owner = request.name ?? request.containerId.slice(0, 12);
    const { namespace, endpoints } = held.attachment;
    const letGo = this.#parts.users.hold(record, request.containerId, owner);
    undo.defer(letGo);
    const segment = this.#parts.users.segment(record.id);
    if (!segment) throw notFound(`network ${record.name} not found`);
    const device = wish.driverOptions[DEVICE_OPTION] ?? freeDevice(endpoints, segment.devicePrefix);
    if (!/^[^\s/:]{1,15}$/.test(device) || device === 'lo' || endpoints.some(({ interfaceName }) => interfaceName === device))
      throw invalid(`${DEVICE_OPTION}: ${JSON.stringify(device)} cannot be the name of one more device of ${owner}`);
    const plug = await this.#freeing(() => segment.plug({ owner, namespace, device, wish, leads }));
    undo.defer(async () => {
      // Off the books first, or the next look at the kernel would make it anew.
      held.plugs.delete(record.id);
      dropEndpoint(held, record.id);
      await this.#unplugMade(held, plug);
    });
    plug.endpoint.dnsNames = dnsNamesOf(request, wish);
    if (wish.links.length > 0) plug.endpoint.links = [...wish.links];
    plug.endpoint.gatewayPriority = wish.gatewayPriority ?? 0;
    held.plugs.set(record.id, { plug, letGo });
    setEndpoints(held, [...endpoints, plug.endpoint]);
  }

  /** An address may belong to a container that is just leaving, as when one is made anew under the same name: then it is free soon. */
  async #freeing(plug: () => Promise<Plug>): Promise<Plug> {
    try {
      return await plug();
    } catch (error) {
      const leaving = this.#parts.namespaces.leaving();
      if (!leaving || !isKind(error, 'conflict')) throw error;
      await leaving;
      return await plug();
    }
  }

  async #plugGround(held: Held, wish: EndpointRequest, undo: AsyncDisposableStack): Promise<void> {
    const { namespaces } = this.#parts;
    const { member, attachment } = held;
    if (!member) throw notFound('the container has no namespace of its own');
    const device = freeDevice(attachment.endpoints, 'eth');
    await namespaces.plug(member, device, wish.macAddress);
    undo.defer(async () => {
      dropEndpoint(held, this.#parts.records.bridge.id);
      await namespaces.unplug(member);
    });
    setEndpoints(held, [...attachment.endpoints, this.#endpointOf(member, device, wish)]);
  }

  /** Takes the interface of a running container on a network away. The endpoint must be off its attachment by then. */
  async unplug(held: Held, joined: { plug: Plug; letGo: () => void } | undefined): Promise<void> {
    if (joined) {
      await this.#unplugMade(held, joined.plug);
      joined.letGo();
    } else if (held.member) await this.#parts.namespaces.unplug(held.member);
  }

  async #unplugMade(held: Held, plug: Plug): Promise<void> {
    if (plug.link === '') await removeInside(held.attachment.namespace, plug.endpoint.interfaceName ?? '');
    else await this.#parts.namespaces.removeLink(plug.link);
    plug.release();
  }

  /** Takes all of an ended container apart, behind the reply. */
  discard({ member, plugs }: Held): void {
    const joined = [...plugs.values()];
    // Who removes a network right after its last container must not be told that it is in use.
    for (const { letGo } of joined) letGo();
    const gone = () => {
      for (const { plug } of joined) plug.release();
    };
    if (member) this.#parts.namespaces.discard(member, { links: joined.flatMap(({ plug }) => (plug.link ? [plug.link] : [])), gone });
  }

  /** Goes on with what an earlier daemon set up. Undefined when the namespace is gone: its engine finds that it has ended. */
  adopt(attachment: Attachment): Held | undefined {
    const { namespaces, records, log } = this.#parts;
    if (attachment.namespace === '') return { attachment, plugs: new Map() };
    const onBridge = attachment.endpoints.find(({ networkId }) => networkId === records.bridge.id);
    const member = namespaces.adopt(attachment.namespace, onBridge);
    if (!member) {
      log.warn('The network namespace of a container is gone', { container: attachment.containerId, namespace: attachment.namespace });
      return undefined;
    }
    const held: Held = { attachment, member, plugs: new Map() };
    for (const endpoint of attachment.endpoints) this.#adoptPlug(held, endpoint);
    return held;
  }

  #adoptPlug(held: Held, endpoint: EndpointState): void {
    const { users, log } = this.#parts;
    const segment = users.segment(endpoint.networkId);
    if (!segment) return;
    const { containerId } = held.attachment;
    const owner = endpoint.dnsNames?.[0] ?? containerId.slice(0, 12);
    try {
      const letGo = users.hold(segment.record, containerId, owner);
      held.plugs.set(endpoint.networkId, { plug: segment.adopt(endpoint, owner), letGo });
    } catch (error) {
      log.error('An interface of a running container could not be taken over', { container: owner, error: describe(error) });
    }
  }

  /** The interfaces that must be there, for the look at the kernel. */
  *living(all: Iterable<Held>): Iterable<Living> {
    const { ground, users, records } = this.#parts;
    for (const held of all) {
      const { attachment, member, plugs } = held;
      for (const { plug } of plugs.values()) {
        const segment = users.segment(plug.endpoint.networkId);
        if (!segment) continue;
        const restore = () => segment.restore(plug, attachment.namespace).then(() => route(held));
        yield { link: plug.link, mend: (links) => segment.mend(plug, links), restore };
      }
      const onGround = attachment.endpoints.find(({ networkId }) => networkId === records.bridge.id);
      if (!onGround || !member?.onBridge) continue;
      const restore = () => ground.restore(member, onGround.interfaceName ?? 'eth0').then(() => route(held));
      yield { link: member.onBridge.link, mend: (links) => ground.mend(member, links), restore };
    }
  }

  #wishesOf({ endpoints }: ContainerSpec): { address?: string; macAddress?: string } {
    const request = endpoints['bridge'] ?? endpoints['default'] ?? endpoints[this.#parts.records.bridge.id];
    return {
      ...(request?.ipv4Address ? { address: request.ipv4Address } : {}),
      ...(request?.macAddress ? { macAddress: request.macAddress.toLowerCase() } : {}),
    };
  }

  #endpointOf({ onBridge }: Member, device: string, { gatewayPriority = 0 }: EndpointRequest): EndpointState {
    const { address } = this.#parts.bridge;
    if (!onBridge) throw new GantryError('internal', 'A namespace of the bridge pool is not on the bridge');
    return {
      ...this.#emptyEndpoint(this.#parts.records.bridge),
      interfaceName: device,
      macAddress: onBridge.macAddress,
      ipv4Address: formatAddress(onBridge.address),
      ipv4PrefixLength: address.subnet.prefixLength,
      gateway: formatAddress(address.gateway),
      gatewayPriority,
    };
  }

  #emptyEndpoint({ id, name }: NetworkRecord): EndpointState {
    return { ...blankEndpoint(), networkId: id, networkName: name, endpointId: this.#parts.ids.next() };
  }
}
