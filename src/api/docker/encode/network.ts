import type { Engine } from '../../../engine/index.ts';
import type { NetworkRecord } from '../../../model/index.ts';

/** A network as list shows it; `containers` are those joined to it, for inspect. */
export function encodeNetwork(network: NetworkRecord, containers: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.enableIPv4 ?? true,
    EnableIPv6: network.enableIPv6,
    IPAM: {
      Driver: 'default',
      Options: network.ipam?.options ?? null,
      Config: network.subnets.length > 0 ? network.subnets.map(encodeSubnet) : null,
    },
    Internal: network.internal,
    Attachable: network.attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: containers,
    Options: network.options,
    Labels: network.labels,
  };
}

/** As Docker shows it: a gateway that nobody named is not told. */
function encodeSubnet({ subnet, gateway, impliedGateway, ipRange, auxiliaryAddresses }: NetworkRecord['subnets'][number]) {
  return {
    Subnet: subnet,
    ...(ipRange === undefined ? {} : { IPRange: ipRange }),
    ...(gateway === '' || impliedGateway ? {} : { Gateway: gateway }),
    ...(auxiliaryAddresses === undefined ? {} : { AuxiliaryAddresses: auxiliaryAddresses }),
  };
}

/** Who is joined to a network, by container id. */
export function encodeNetworkContainers(network: NetworkRecord, engine: Engine): Record<string, unknown> {
  const names = new Map(engine.containers.list().map((record) => [record.id, record.name]));
  const joined: Record<string, unknown> = {};
  for (const [id, attachment] of engine.network.attachments()) {
    const endpoint = attachment.endpoints.find((candidate) => candidate.networkId === network.id);
    if (!endpoint) continue;
    joined[id] = {
      Name: names.get(id) ?? '',
      EndpointID: endpoint.endpointId,
      MacAddress: endpoint.macAddress,
      IPv4Address: endpoint.ipv4Address ? `${endpoint.ipv4Address}/${endpoint.ipv4PrefixLength}` : '',
      IPv6Address: endpoint.ipv6Address ? `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}` : '',
    };
  }
  return joined;
}
