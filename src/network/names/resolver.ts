import { isIP, isIPv4 } from 'node:net';
import { invalid } from '../../base/index.ts';

/** The parts of a resolv.conf(5) that Gantry decides about. Other lines are not carried over. */
export interface ResolverConfig {
  servers: string[];
  search: string[];
  options: string[];
}

/** Asked only when the host names no server that a container could reach. The same as Docker's, so that tests on it hold. */
const PUBLIC_SERVERS: readonly string[] = ['8.8.8.8', '8.8.4.4'];

export function parseResolver(text: string): ResolverConfig {
  const config: ResolverConfig = { servers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) config.servers.push(values[0]);
    // The last of `search` and `domain` wins, resolv.conf(5).
    else if (word === 'search' || word === 'domain') config.search = values;
    else if (word === 'options') config.options.push(...values);
  }
  return config;
}

/** A server on loopback answers in the host's namespace only; one of IPv6 cannot be reached from an IPv4 bridge. */
export function isReachable(server: string): boolean {
  return isIPv4(server) && !server.startsWith('127.') && server !== '0.0.0.0';
}

/** What the container asked for wins over what the host has; each of the three by itself. */
export function mergeResolver(
  host: ResolverConfig,
  asked: { dnsServers: readonly string[]; dnsSearch: readonly string[]; dnsOptions: readonly string[] },
): ResolverConfig {
  for (const server of asked.dnsServers) if (isIP(server) === 0) throw invalid(`dns: "${server}" is not an IP address`);
  const reachable = host.servers.filter(isReachable);
  const servers = asked.dnsServers.length > 0 ? asked.dnsServers : reachable.length > 0 ? reachable : PUBLIC_SERVERS;
  const search = asked.dnsSearch.length > 0 ? asked.dnsSearch.filter((domain) => domain !== '.') : host.search;
  return { servers: [...servers], search: [...search], options: [...(asked.dnsOptions.length > 0 ? asked.dnsOptions : host.options)] };
}

export function renderResolver(config: ResolverConfig): string {
  const lines = ['# Made by gantryd for this container'];
  if (config.search.length > 0) lines.push(`search ${config.search.join(' ')}`);
  lines.push(...config.servers.map((server) => `nameserver ${server}`));
  if (config.options.length > 0) lines.push(`options ${config.options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}
