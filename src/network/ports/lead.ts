import { unsupported } from '../../base/index.ts';
import type { EndpointState, PortRequest } from '../../model/index.ts';
import type { GuardedNetwork } from '../firewall/index.ts';
import type { Attachment } from '../network.ts';
import type { Records } from '../records.ts';
import { chooseGateways } from '../segments/inside.ts';
import type { UserNetworks } from '../user-networks.ts';
import type { Targets } from './plan.ts';

export interface LeadParts {
  records: Records;
  users: UserNetworks;
  /** Where ports are published that name no address, unless their network says otherwise; '' for everywhere. */
  hostBinding: string;
}

/** By which endpoints the world comes to a container. */
export interface Lead {
  /** Another one when other endpoints lead out. */
  id: string;
  /** For messages. */
  endpoint: EndpointState;
  targets: Targets;
  /** Addresses that the world reaches without translation. */
  routed: Targets;
  /** Where ports are published for which nobody named an address; '' for everywhere. */
  hostBinding: string;
}

/** How a container is reached from outside; undefined when no network of its leads out. */
export function leadOf({ endpoints }: Attachment, { records, users, hostBinding }: LeadParts): Lead | undefined {
  const open = endpoints.filter(({ networkId }) => networkId === records.bridge.id || users.segment(networkId)?.leadsOut);
  const { four, six } = chooseGateways(open, ({ gatewayPriority }) => gatewayPriority ?? 0);
  const endpoint = four ?? six;
  if (!endpoint) return undefined;
  const settingsOf = (one: EndpointState | undefined) => users.bridges.find(({ record }) => record.id === one?.networkId)?.settings;
  const settings = { four: settingsOf(four), six: settingsOf(six) };
  const addresses = { four: four?.ipv4Address ?? '', six: six?.ipv6Address ?? '' };
  const routed = { four: settings.four?.gatewayMode4 === 'routed', six: settings.six?.gatewayMode6 === 'routed' };
  const chosen = (wanted: boolean): Targets => ({
    ...(addresses.four !== '' && routed.four === wanted ? { four: addresses.four } : {}),
    ...(addresses.six !== '' && routed.six === wanted ? { six: addresses.six } : {}),
  });
  return {
    id: `${four?.endpointId} ${six?.endpointId}`,
    endpoint,
    targets: chosen(false),
    routed: chosen(true),
    hostBinding: settings.four?.hostBinding || hostBinding,
  };
}

/** Untranslated ports are none of the host's: its input rules have no say in them, so `host` has none of these. */
export function openPorts({ four, six }: Targets, requests: readonly PortRequest[]): GuardedNetwork['open'] {
  const open = requests.filter(({ exposure }) => exposure !== 'host');
  return [four, six].flatMap((address) =>
    address === undefined
      ? []
      : open.flatMap(({ protocol, containerPort, count = 1, exposure }) =>
          Array.from({ length: count }, (_, at) => ({ address, protocol, port: containerPort + at, near: exposure === 'lan' })),
        ),
  );
}

/** Fails with `unsupported` for a policy that the container's network cannot hold. */
export function refuseUnenforceable(name: string, { routed, endpoint }: Lead, requests: readonly PortRequest[]): void {
  if (routed.four === undefined && routed.six === undefined) return;
  const wanted = requests.find(({ exposure }) => exposure === 'host');
  if (wanted)
    throw unsupported(
      `cannot publish port ${wanted.containerPort}/${wanted.protocol} of ${name} by the policy 'host': on the routed network ${endpoint.networkName} it is no port of this host, and its firewall does not judge it`,
      "Choose 'lan' or 'public' by the label gantry.expose, or a network that is not routed.",
    );
}
