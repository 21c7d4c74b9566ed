import { blankEndpoint, type ContainerRecord, type EndpointRequest, type EndpointState, eachPort, isAlive } from '../../../model/index.ts';
import type { KeptRequest } from '../decode/create.ts';
import { networkModeText } from './host-config.ts';

/** NetworkSettings of inspect. */
export function encodeNetworkSettings(record: ContainerRecord, kept: KeptRequest): Record<string, unknown> {
  const { state, spec } = record;
  const alive = isAlive(state);
  // The old fields at the top speak of the default bridge only.
  const bridge = state.endpoints.find((endpoint) => endpoint.networkName === 'bridge') ?? blankEndpoint();
  return {
    Bridge: '',
    SandboxID: alive && spec.networkMode.kind !== 'container' ? record.id : '',
    SandboxKey: alive ? state.networkNamespace : '',
    Ports: alive ? encodePortMap(record) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge.endpointId,
    Gateway: bridge.gateway,
    GlobalIPv6Address: bridge.ipv6Address,
    GlobalIPv6PrefixLen: bridge.ipv6PrefixLength,
    IPAddress: bridge.ipv4Address,
    IPPrefixLen: bridge.ipv4PrefixLength,
    IPv6Gateway: bridge.ipv6Gateway,
    MacAddress: bridge.macAddress,
    Networks: encodeEndpoints(record, kept),
  };
}

/** Networks by name: what the container has, or what it will get when it starts. */
export function encodeEndpoints(record: ContainerRecord, kept: KeptRequest): Record<string, unknown> {
  const { networkMode, endpoints } = record.spec;
  const networks: Record<string, unknown> = {};
  for (const endpoint of record.state.endpoints)
    networks[endpoint.networkName] = encodeEndpoint(endpoint, record, kept, endpoint.networkName);
  if (record.state.endpoints.length > 0 || networkMode.kind === 'container' || record.offNetworks) return networks;
  const wanted = Object.keys(endpoints).length > 0 ? Object.keys(endpoints) : [networkModeText(networkMode)];
  for (const name of wanted) networks[name] = encodeEndpoint({ ...blankEndpoint(), networkName: name }, record, kept, name);
  return networks;
}

function encodeEndpoint(endpoint: EndpointState, record: ContainerRecord, kept: KeptRequest, name: string): Record<string, unknown> {
  const asked = (kept.Endpoints[name] ?? (name === 'bridge' ? kept.Endpoints['default'] : undefined) ?? {}) as Record<string, unknown>;
  const request = record.spec.endpoints[name];
  const options = request && Object.keys(request.driverOptions).length > 0 ? request.driverOptions : null;
  return {
    IPAMConfig: asked['IPAMConfig'] ?? addressesAsked(request),
    Links: request && request.links.length > 0 ? request.links : null,
    Aliases: request && request.aliases.length > 0 ? request.aliases : null,
    MacAddress: endpoint.macAddress || (request?.macAddress ?? ''),
    DriverOpts: options,
    GwPriority: request?.gatewayPriority ?? 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ipv4Address,
    IPPrefixLen: endpoint.ipv4PrefixLength,
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.ipv6Address,
    GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength,
    DNSNames: endpoint.dnsNames ?? null,
  };
}

/** Of a network that was joined later: the create request knew nothing of it. */
function addressesAsked(request: EndpointRequest | undefined): Record<string, string> | null {
  if (!request?.ipv4Address && !request?.ipv6Address) return null;
  return {
    ...(request.ipv4Address ? { IPv4Address: request.ipv4Address } : {}),
    ...(request.ipv6Address ? { IPv6Address: request.ipv6Address } : {}),
  };
}

/** `80/tcp` to its host bindings; exposed ports that are not published have null. */
function encodePortMap(record: ContainerRecord): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const ports: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const { port, protocol } of record.spec.exposedPorts) ports[`${port}/${protocol}`] = null;
  for (const published of eachPort(record.state.publishedPorts)) {
    const key = `${published.containerPort}/${published.protocol}`;
    (ports[key] ??= []).push({ HostIp: published.hostAddress, HostPort: String(published.hostPort) });
  }
  return ports;
}

interface ListedPort {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** Ports of the list: published ones with their host side, then those only exposed; only while the container runs. */
export function encodePortList(record: ContainerRecord): ListedPort[] {
  if (!isAlive(record.state) || record.spec.networkMode.kind === 'host') return [];
  const published = [...eachPort(record.state.publishedPorts)].map(
    (port): ListedPort => ({
      IP: port.hostAddress,
      PrivatePort: port.containerPort,
      PublicPort: port.hostPort,
      Type: port.protocol,
    }),
  );
  const shown = new Set(published.map((port) => `${port.PrivatePort}/${port.Type}`));
  const exposed = record.spec.exposedPorts
    .filter(({ port, protocol }) => !shown.has(`${port}/${protocol}`))
    .map(({ port, protocol }): ListedPort => ({ PrivatePort: port, Type: protocol }));
  return [...published, ...exposed];
}
