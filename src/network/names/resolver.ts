import { createHash } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { invalid } from '../../base/index.ts';

/** The parts of a resolv.conf(5) that Gantry decides about. Other lines are not carried over. */
export interface ResolverConfig {
  servers: string[];
  search: string[];
  options: string[];
}

/** Where containers on networks with discovery ask, as Docker's do. */
export const RESOLVER_ADDRESS = '127.0.0.11';

/** Asked only when the host names no server that a container could reach. The same as Docker's, so that tests on it hold. */
export const PUBLIC_SERVERS: readonly string[] = ['8.8.8.8', '8.8.4.4'];

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

/**
 * What a container on a network with discovery gets: its servers are asked by our resolver. There a name of one word is complete, which it
 * would not be before a search list of the host's: hence no dots are needed, as with Docker, unless the container says otherwise.
 */
export function throughResolver(host: ResolverConfig, asked: Parameters<typeof mergeResolver>[1]): ResolverConfig {
  const { search, options } = mergeResolver(host, asked);
  const ownDots = asked.dnsOptions.some((option) => option.startsWith('ndots:'));
  const others = options.filter((option) => ownDots || !option.startsWith('ndots:'));
  return { servers: [RESOLVER_ADDRESS], search, options: ownDots ? others : [...others, 'ndots:0'] };
}

const MADE = /^# Made by gantryd for this container \(([0-9a-f]{12})\)/;

/** The file, with a mark of its contents: it tells later whether someone has edited it. */
export function renderResolver(config: ResolverConfig): string {
  const lines = [
    ...(config.search.length > 0 ? [`search ${config.search.join(' ')}`] : []),
    ...config.servers.map((server) => `nameserver ${server}`),
    ...(config.options.length > 0 ? [`options ${config.options.join(' ')}`] : []),
  ];
  const text = lines.map((line) => `${line}\n`).join('');
  return `# Made by gantryd for this container (${markOf(text)}). It follows changes of the container's networks until someone edits it.\n${text}`;
}

/** Whether a resolv.conf is as `renderResolver` made it. */
export function isUnedited(text: string): boolean {
  const mark = MADE.exec(text)?.[1];
  return mark !== undefined && mark === markOf(text.slice(text.indexOf('\n') + 1));
}

const markOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
