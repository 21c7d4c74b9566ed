/** How a container is joined to the network. `container` shares the namespace of container `id`. */
export type NetworkMode = { kind: 'bridge' | 'host' | 'none' } | { kind: 'container'; id: string } | { kind: 'network'; name: string };

export interface NetworkSubnet {
  /** CIDR, such as 172.17.0.0/16. */
  subnet: string;
  gateway: string;
}

/** A network as people see it. */
export interface NetworkRecord {
  id: string;
  name: string;
  driver: 'bridge' | 'host' | 'null';
  createdAt: string;
  subnets: NetworkSubnet[];
  enableIPv6: boolean;
  internal: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
}

/** What a container asks of one network. */
export interface EndpointRequest {
  aliases: string[];
  links: string[];
  macAddress?: string;
  ipv4Address?: string;
  ipv6Address?: string;
  driverOptions: Record<string, string>;
}

/** What it got. */
export interface EndpointState {
  networkId: string;
  networkName: string;
  endpointId: string;
  macAddress: string;
  /** Empty when the network gives none. */
  ipv4Address: string;
  ipv4PrefixLength: number;
  gateway: string;
  ipv6Address: string;
  ipv6PrefixLength: number;
  ipv6Gateway: string;
}

/** An endpoint of which nothing is known yet. */
export function blankEndpoint(): EndpointState {
  return {
    networkId: '',
    networkName: '',
    endpointId: '',
    macAddress: '',
    ipv4Address: '',
    ipv4PrefixLength: 0,
    gateway: '',
    ipv6Address: '',
    ipv6PrefixLength: 0,
    ipv6Gateway: '',
  };
}
