import { invalid, unsupported } from '../../../base/index.ts';
import { type EndpointRequest, type NetworkMode, PREDEFINED_NETWORKS } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

/** NetworkingConfig.EndpointsConfig, by network name; Config.MacAddress (API below 1.44) joins the endpoint of the network mode. */
export function decodeEndpoints(body: Fields, mode: NetworkMode): Record<string, EndpointRequest> {
  const own = mode.kind === 'network' ? mode.name : mode.kind === 'container' ? '' : mode.kind;
  const endpoints: Record<string, EndpointRequest> = {};
  for (const [key, entry] of body.object('NetworkingConfig')?.entries('EndpointsConfig') ?? []) {
    const name = key === 'default' ? 'bridge' : key;
    if (name !== own && (mode.kind === 'host' || mode.kind === 'none' || mode.kind === 'container'))
      throw invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
    endpoints[name] = decodeEndpoint(entry);
    // The default bridge chooses addresses itself, in Docker too, and the others have none.
    if (PREDEFINED_NETWORKS.includes(name) && (endpoints[name].ipv4Address || endpoints[name].ipv6Address))
      throw invalid(
        `invalid config for network ${name}: invalid endpoint settings: user specified IP address is supported on user defined networks only`,
      );
  }
  const mac = body.string('MacAddress');
  if (mac === '') return endpoints;
  const endpoint = endpoints[own] ?? { aliases: [], links: [], driverOptions: {} };
  if (endpoint.macAddress !== undefined && endpoint.macAddress !== checkMac(mac)) {
    throw invalid(
      'conflicting MAC address: the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    );
  }
  return { ...endpoints, [own]: { ...endpoint, macAddress: checkMac(mac) } };
}

export function decodeEndpoint(entry: Fields): EndpointRequest {
  const addresses = entry.object('IPAMConfig');
  const ipv4Address = addresses?.string('IPv4Address') || '';
  const ipv6Address = addresses?.string('IPv6Address') || '';
  if (ipv4Address !== '' && !isIPv4(ipv4Address)) throw invalid(`invalid IPv4 address: ${ipv4Address}`);
  if (ipv6Address !== '' && !isIPv6(ipv6Address)) throw invalid(`invalid IPv6 address: ${ipv6Address}`);
  if ((addresses?.strings('LinkLocalIPs') ?? []).length > 0) throw unsupported(`${entry.path}.IPAMConfig.LinkLocalIPs is not supported`);
  const mac = entry.string('MacAddress');
  return {
    aliases: entry.strings('Aliases') ?? [],
    links: entry.strings('Links') ?? [],
    driverOptions: entry.stringMap('DriverOpts'),
    ...(entry.integer('GwPriority') === 0 ? {} : { gatewayPriority: entry.integer('GwPriority') }),
    ...(mac ? { macAddress: checkMac(mac) } : {}),
    ...(ipv4Address ? { ipv4Address } : {}),
    ...(ipv6Address ? { ipv6Address } : {}),
  };
}

function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) throw invalid(`invalid MAC address: ${text}`);
  return mac;
}

export function isIPv4(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);
}

export function isIPv6(text: string): boolean {
  return text.includes(':') && /^[0-9a-fA-F:.]+(%\w+)?$/.test(text);
}

/** Dns, DnsSearch and DnsOptions. */
export function decodeNameService(host: Fields): { dnsServers: string[]; dnsSearch: string[]; dnsOptions: string[] } {
  const dnsServers = host.strings('Dns') ?? [];
  for (const server of dnsServers)
    if (!isIPv4(server) && !isIPv6(server)) throw invalid(`bad nameserver address ${server}: it is not an IP address`);
  return { dnsServers, dnsSearch: host.strings('DnsSearch') ?? [], dnsOptions: host.strings('DnsOptions') ?? [] };
}

/** `name:address` with an address or `host-gateway`. */
export function decodeExtraHosts(host: Fields): string[] {
  return (host.strings('ExtraHosts') ?? []).map((text) => {
    const match = /^([^:=\s]+)[:=](.+)$/.exec(text);
    if (!match) throw invalid(`bad format for add-host: "${text}"`);
    const address = (match[2] ?? '').replace(/^\[(.*)\]$/, '$1');
    if (address !== 'host-gateway' && !isIPv4(address) && !isIPv6(address)) throw invalid(`invalid IP address in add-host: "${address}"`);
    return `${match[1]}:${address}`;
  });
}

/** `container[:alias]`, always with the alias. */
export function decodeLinks(host: Fields): string[] {
  return (host.strings('Links') ?? []).map((text) => {
    const parts = text.split(':').map((part) => part.replace(/^\//, ''));
    if (parts.length > 2 || parts.some((part) => part === '')) throw invalid(`bad format for links: ${text}`);
    return `${parts[0]}:${parts[1] ?? parts[0]}`;
  });
}
