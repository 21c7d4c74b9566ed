/** How a container is joined to the network. `container` shares the namespace of container `id`. */
export type NetworkMode = { kind: 'bridge' | 'host' | 'none' } | { kind: 'container'; id: string } | { kind: 'network'; name: string };

export interface NetworkSubnet {
  /** CIDR, such as 172.17.0.0/16 or fd00:1::/64. */
  subnet: string;
  /** '' where the network has none. */
  gateway: string;
  /** Nobody named the gateway: it is the first address, and Docker's clients are not shown it. */
  impliedGateway?: boolean;
  /** CIDR inside the subnet: addresses that nobody asked for come from here. */
  ipRange?: string;
  /** Addresses that others use, by name: never given out. */
  auxiliaryAddresses?: Record<string, string>;
}

export type NetworkDriver = 'bridge' | 'host' | 'null' | 'macvlan' | 'ipvlan';

/** A network as people see it. */
export interface NetworkRecord {
  id: string;
  name: string;
  driver: NetworkDriver;
  createdAt: string;
  subnets: NetworkSubnet[];
  /** Absent means true. */
  enableIPv4?: boolean;
  enableIPv6: boolean;
  internal: boolean;
  attachable?: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** What was asked of the address management, to be shown again. */
  ipam?: { driver: string; options: Record<string, string> | null };
  /** A change of the kernel that may be half done: undone or finished at the next start. */
  intent?: 'create' | 'remove';
}

/** What a person asks of a new network. Absent and '' mean the default. */
export interface NetworkRequest {
  name: string;
  driver: string;
  enableIPv4?: boolean;
  enableIPv6?: boolean;
  internal: boolean;
  attachable: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
  ipamDriver: string;
  ipamOptions: Record<string, string> | null;
  subnets: SubnetRequest[];
}

export interface SubnetRequest {
  subnet: string;
  gateway: string;
  ipRange: string;
  auxiliaryAddresses: Record<string, string>;
}

/** Networks that are there without being made. */
export const PREDEFINED_NETWORKS: readonly string[] = ['bridge', 'host', 'none'];

/** What a container asks of one network. */
export interface EndpointRequest {
  aliases: string[];
  links: string[];
  macAddress?: string;
  ipv4Address?: string;
  ipv6Address?: string;
  driverOptions: Record<string, string>;
  /** The network with the highest number is the container's way out. 0 when absent. */
  gatewayPriority?: number;
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
  /** Device in the container, such as eth0. Absent where there is none. */
  interfaceName?: string;
  /** Names by which others of the network find it. Absent on networks without discovery. */
  dnsNames?: string[];
  /** Legacy links of this endpoint, `container:alias`. */
  links?: string[];
  /** As asked; 0 when absent. */
  gatewayPriority?: number;
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
