import { invalid } from '../base/index.ts';
import type { ContainerSpec, EndpointRequest, EndpointState, NetworkRecord } from '../model/index.ts';
import type { Attachment, AttachRequest } from './network.ts';
import type { Owner } from './ports/index.ts';

export interface Wanted {
  record: NetworkRecord;
  wish: EndpointRequest;
}

const NO_WISH: EndpointRequest = { aliases: [], links: [], driverOptions: {} };

/** The networks that a container wants, in the order of its devices: that of its network mode first, then by name. */
export function wantedNetworks(
  spec: Pick<ContainerSpec, 'endpoints' | 'networkMode'>,
  get: (reference: string) => NetworkRecord,
): Wanted[] {
  const { networkMode, endpoints } = spec;
  const own = get(networkMode.kind === 'network' ? networkMode.name : networkMode.kind === 'container' ? 'none' : networkMode.kind);
  const asked = Object.entries(endpoints).map(([name, wish]) => ({ record: get(name === 'default' ? 'bridge' : name), wish }));
  const wanted = asked.length > 0 ? asked : [{ record: own, wish: NO_WISH }];
  for (const { record } of wanted)
    if (wanted.length > 1 && (record.driver === 'host' || record.driver === 'null'))
      throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  const byName = (a: Wanted, b: Wanted) => (a.record.name < b.record.name ? -1 : 1);
  return wanted.sort((a, b) => Number(b.record.id === own.id) - Number(a.record.id === own.id) || byName(a, b));
}

/** Whether the container shares no network that could have others beside it. */
export function isPrivate({ endpoints }: Attachment): boolean {
  return endpoints.some(({ networkName }) => networkName === 'host' || networkName === 'none');
}

/** Names by which others of the network find the container: its own, its aliases, its short id, its host name. */
export function dnsNamesOf({ containerId, name, spec, standby }: AttachRequest, wish: EndpointRequest): string[] {
  if (standby) return [];
  return [...new Set([name ?? '', ...wish.aliases, containerId.slice(0, 12), spec.hostname ?? ''])].filter((one) => one !== '');
}

/** For whom ports are taken. */
export function ownerOf(request: Pick<AttachRequest, 'containerId' | 'name'>, { endpointId }: EndpointState): Owner {
  return { containerId: request.containerId, name: request.name ?? request.containerId.slice(0, 12), endpointId };
}

/** What a container asked of a network. */
export function wishFor({ endpoints }: ContainerSpec, networkName: string): EndpointRequest {
  return endpoints[networkName] ?? NO_WISH;
}

/** The next device name in order, as Docker counts: the lowest number that is free. */
export function freeDevice(endpoints: readonly EndpointState[], prefix: string): string {
  const used = new Set(endpoints.map(({ interfaceName }) => interfaceName));
  for (let number = 0; ; number += 1) if (!used.has(`${prefix}${number}`)) return `${prefix}${number}`;
}
