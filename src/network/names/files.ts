import { readFile } from 'node:fs/promises';
import { errnoOf } from '../../base/index.ts';
import type { ContainerSpec } from '../../model/index.ts';
import type { Attachment, HostEntry } from '../network.ts';
import { ownEntries, parseExtraHost, renderHosts } from './hosts.ts';
import { isReachable, mergeResolver, parseResolver, renderResolver, throughResolver } from './resolver.ts';

/** Where the host keeps its names. systemd-resolved puts the real servers beside the stub that /etc/resolv.conf names. */
export interface NameSources {
  resolver: string;
  resolverBehindStub: string;
  hosts: string;
}

export const HOST_NAMES: NameSources = {
  resolver: '/etc/resolv.conf',
  resolverBehindStub: '/run/systemd/resolve/resolv.conf',
  hosts: '/etc/hosts',
};

/** The same three that a container may ask for. */
export type NameDefaults = Pick<ContainerSpec, 'dnsServers' | 'dnsSearch' | 'dnsOptions'>;

export const NO_DEFAULTS: NameDefaults = { dnsServers: [], dnsSearch: [], dnsOptions: [] };

/** A container's wishes, each of them the default where it has none. */
export function wishesOrDefaults(spec: NameDefaults, defaults: NameDefaults): NameDefaults {
  const either = <T>(own: readonly T[], other: readonly T[]) => [...(own.length > 0 ? own : other)];
  return {
    dnsServers: either(spec.dnsServers, defaults.dnsServers),
    dnsSearch: either(spec.dnsSearch, defaults.dnsSearch),
    dnsOptions: either(spec.dnsOptions, defaults.dnsOptions),
  };
}

/** How a container finds names: by the host's servers as the host does, by those of them that it can reach, or by our resolver. */
export type NameService = 'host' | 'servers' | 'resolver';

/** /etc/resolv.conf of a container. Host mode without wishes gets the host's own text, for it can reach every server there. */
export async function resolverText(spec: NameDefaults, service: NameService, sources: NameSources): Promise<string> {
  const own = await readIfThere(sources.resolver);
  if (service === 'resolver') return renderResolver(throughResolver(parseResolver(own), spec));
  const hostMode = service === 'host';
  const hasWishes = spec.dnsServers.length + spec.dnsSearch.length + spec.dnsOptions.length > 0;
  if (hostMode && !hasWishes) return own;
  let config = parseResolver(own);
  if (hostMode)
    return renderResolver(mergeResolver(config, { ...spec, dnsServers: spec.dnsServers.length > 0 ? spec.dnsServers : config.servers }));
  if (config.servers.length > 0 && !config.servers.some(isReachable)) {
    const behind = await readIfThere(sources.resolverBehindStub);
    if (behind !== '') config = parseResolver(behind);
  }
  return renderResolver(mergeResolver(config, spec));
}

/** /etc/hosts of a container: names of loopback (or the host's file), extra hosts, linked ones, its own. */
export async function hostsText(
  spec: ContainerSpec,
  attachment: Attachment | undefined,
  hostname: string,
  others: readonly HostEntry[],
  options: { hostMode: boolean; hostGateway: string; sources: NameSources },
): Promise<string> {
  const extra = spec.extraHosts.map((text) => parseExtraHost(text, options.hostGateway));
  if (options.hostMode) return renderHosts([...extra, ...others], await readIfThere(options.sources.hosts));
  const own = ownEntries(attachment?.endpoints ?? [], hostname, spec.domainname);
  return renderHosts([...extra, ...others, ...own]);
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}
