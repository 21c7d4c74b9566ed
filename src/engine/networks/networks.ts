import { conflict, describe, GantryError, invalid } from '../../base/index.ts';
import {
  type ContainerRecord,
  type EndpointRequest,
  isAlive,
  type NetworkRecord,
  type NetworkRequest,
  PREDEFINED_NETWORKS,
} from '../../model/index.ts';
import { refuseForeignAddresses } from '../../network/index.ts';
import type { DecisionLog } from '../containers/decisions.ts';
import { withoutIntent } from '../containers/lifecycle.ts';
import type { Explanation, NetworkUseCases } from '../engine.ts';
import { tellNetwork } from '../events/attachments.ts';
import { type EngineParts, publishPrune } from '../parts.ts';
import { refreshNameFiles } from './name-files.ts';
import { explainNetwork, subnetReason } from './why.ts';

/** Network verbs, and how they change the containers that are joined. */
export class NetworkUses implements NetworkUseCases {
  #parts: EngineParts;
  /** Of networks, by their ids. */
  #decisions: DecisionLog;

  constructor(parts: EngineParts, decisions: DecisionLog) {
    this.#parts = parts;
    this.#decisions = decisions;
    parts.network.onTrouble((network, sentence) => {
      const known = decisions.of(network.id).findLast(({ what }) => what === 'covered');
      if (known?.why !== sentence) decisions.add(network.id, 'covered', sentence);
      tellNetwork(parts, network, 'covered', undefined, { why: sentence });
    });
  }

  async create(request: NetworkRequest): Promise<NetworkRecord> {
    const made = await this.#parts.network.create(request);
    for (const { subnet } of made.subnets) this.#decisions.add(made.id, 'created', subnetReason(subnet, request));
    tellNetwork(this.#parts, made, 'create');
    return made;
  }

  async remove(reference: string): Promise<void> {
    const removed = await this.#parts.network.remove(reference);
    await this.#decisions.forget(removed.id);
    tellNetwork(this.#parts, removed, 'destroy');
  }

  why(reference: string): Explanation {
    const network = this.#parts.network.get(reference);
    const attachments = [...this.#parts.network.attachments().values()];
    return explainNetwork(network, attachments, this.#decisions.of(network.id));
  }

  async prune(filter: (network: NetworkRecord) => boolean): Promise<string[]> {
    const removed: string[] = [];
    for (const network of this.#parts.network.list()) {
      if (PREDEFINED_NETWORKS.includes(network.name) || !filter(network) || this.#isWanted(network)) continue;
      try {
        await this.remove(network.id);
      } catch (error) {
        // Used or removed by someone else meanwhile.
        if (error instanceof GantryError && (error.kind === 'denied' || error.kind === 'notFound')) continue;
        throw error;
      }
      removed.push(network.name);
    }
    publishPrune(this.#parts, 'network', 0);
    return removed;
  }

  /** A container that has ended may be started again, on its networks. */
  #isWanted(network: NetworkRecord): boolean {
    return this.#parts.table.list().some(({ spec, state }) => isAlive(state) && network.name in spec.endpoints);
  }

  async connect(reference: string, container: string, wish: EndpointRequest): Promise<void> {
    const network = this.#parts.network.get(reference);
    const { id } = this.#parts.table.get(container);
    await this.#parts.queue.run(id, async () => {
      const record = this.#parts.table.get(id);
      if (record.state.status === 'removing' || record.state.status === 'dead')
        throw conflict(`container ${record.name} is marked for removal and cannot be connected or disconnected to the network`);
      if (['host', 'container'].includes(record.spec.networkMode.kind))
        throw invalid(`container sharing network namespace with another container or host cannot be connected to any other network`);
      if (network.driver === 'null')
        throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
      if (network.driver === 'host')
        throw invalid(`container cannot be connected to host network - container must be created in host network mode`);
      const endpoints = endpointsOf(record, (name) => this.#parts.network.get(name));
      if (isAlive(record.state) && Object.hasOwn(endpoints, 'none'))
        throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
      refuseForeignAddresses(network, wish);
      const { none: _private, ...others } = endpoints;
      const wanted = { ...others, [network.name]: wish };
      // The intent is written before the kernel has it.
      const intended = await this.#parts.table.change(id, ({ offNetworks: _off, ...r }) => ({
        ...r,
        spec: { ...r.spec, endpoints: wanted },
        ...(isAlive(r.state) ? { intent: { operation: 'networks', since: this.#parts.clock.timestamp() } } : {}),
      }));
      if (!isAlive(intended.state)) return;
      try {
        const attachment = await this.#parts.network.connect({ containerId: id, name: record.name, spec: intended.spec }, network.id, wish);
        await refreshNameFiles(this.#parts, record, record.state.endpoints, attachment.endpoints);
        await this.#settle(id, attachment);
      } catch (error) {
        await this.#parts.table.change(id, (r) => withoutIntent({ ...r, ...onNetworks(record.spec, endpoints) }));
        throw error;
      }
      tellNetwork(this.#parts, network, 'connect', id);
    });
  }

  async disconnect(reference: string, container: string): Promise<void> {
    const network = this.#parts.network.get(reference);
    const { id } = this.#parts.table.get(container);
    await this.#parts.queue.run(id, async () => {
      const record = this.#parts.table.get(id);
      if (network.driver === 'host')
        throw conflict('container cannot be disconnected from host network - container must be created in host network mode');
      const { [network.name]: gone, ...rest } = endpointsOf(record, (name) => this.#parts.network.get(name));
      if (!gone) throw invalid(`container ${record.id} is not connected to network ${network.name}`);
      const alive = isAlive(record.state);
      await this.#parts.table.change(id, (r) => ({
        ...r,
        ...onNetworks(r.spec, rest),
        ...(alive ? { intent: { operation: 'networks', since: this.#parts.clock.timestamp() } } : {}),
      }));
      if (!alive) return;
      await this.#parts.network.disconnect(id, network.id);
      const attachment = this.#parts.network.attachments().get(id);
      await refreshNameFiles(this.#parts, record, record.state.endpoints, attachment?.endpoints ?? []);
      await this.#settle(id, attachment);
      tellNetwork(this.#parts, network, 'disconnect', id);
    });
  }

  #settle(
    id: string,
    attachment:
      | { endpoints: ContainerRecord['state']['endpoints']; publishedPorts: ContainerRecord['state']['publishedPorts'] }
      | undefined,
  ) {
    return this.#parts.table.change(id, (r) =>
      withoutIntent({
        ...r,
        state: isAlive(r.state)
          ? { ...r.state, endpoints: attachment?.endpoints ?? [], publishedPorts: attachment?.publishedPorts ?? [] }
          : r.state,
      }),
    );
  }

  /** A change that the daemon's end cut short: what the row wants is finished. */
  async finish(record: ContainerRecord): Promise<void> {
    const { network, log } = this.#parts;
    const wanted = record.spec.endpoints;
    for (const { networkName } of record.state.endpoints)
      if (!Object.hasOwn(wanted, networkName)) await network.disconnect(record.id, networkName);
    for (const [name, wish] of Object.entries(wanted)) {
      if (record.state.endpoints.some(({ networkName }) => networkName === name)) continue;
      try {
        await network.connect({ containerId: record.id, name: record.name, spec: record.spec }, name, wish);
      } catch (error) {
        log.warn('a join that was cut short could not be finished', { container: record.name, network: name, error: describe(error) });
      }
    }
    const attachment = network.attachments().get(record.id);
    await refreshNameFiles(this.#parts, record, record.state.endpoints, attachment?.endpoints ?? []);
    await this.#settle(record.id, attachment);
  }
}

const NO_WISH: EndpointRequest = { aliases: [], links: [], driverOptions: {} };

/** A container on these networks and no other, as a part of its record. */
function onNetworks(
  spec: ContainerRecord['spec'],
  endpoints: ContainerRecord['spec']['endpoints'],
): Pick<ContainerRecord, 'spec' | 'offNetworks'> {
  return { spec: { ...spec, endpoints }, ...(Object.keys(endpoints).length === 0 ? { offNetworks: true } : {}) };
}

/** The networks that a container wants by their names: none asked for means that of its network mode, unless it was taken off that. */
export function endpointsOf(
  { spec, offNetworks }: Pick<ContainerRecord, 'spec' | 'offNetworks'>,
  get: (name: string) => NetworkRecord,
): Record<string, EndpointRequest> {
  const { networkMode, endpoints } = spec;
  if (Object.keys(endpoints).length > 0) return endpoints;
  if (networkMode.kind === 'container' || offNetworks) return {};
  return { [networkMode.kind === 'network' ? get(networkMode.name).name : networkMode.kind]: NO_WISH };
}
