import { isIP } from 'node:net';
import { invalid } from '../../base/index.ts';
import type { EndpointState } from '../../model/index.ts';
import type { HostEntry } from '../network.ts';

const LOCAL_NAMES: readonly HostEntry[] = [
  { address: '127.0.0.1', names: ['localhost'] },
  { address: '::1', names: ['localhost', 'ip6-localhost', 'ip6-loopback'] },
  { address: 'fe00::', names: ['ip6-localnet'] },
  { address: 'ff00::', names: ['ip6-mcastprefix'] },
  { address: 'ff02::1', names: ['ip6-allnodes'] },
  { address: 'ff02::2', names: ['ip6-allrouters'] },
];

const HOST_GATEWAY = 'host-gateway';

/** `name:address`, `name=address` or `name:host-gateway`; the address may be of IPv6, in brackets or not. */
export function parseExtraHost(text: string, hostGateway: string): HostEntry {
  const match = /^([^:=\s]+)[:=](\S+)$/.exec(text);
  const name = match?.[1];
  const value = match?.[2]?.replace(/^\[(.*)\]$/, '$1');
  if (name === undefined || value === undefined) throw invalid(`bad format for add-host: "${text}"; it reads name:address`);
  if (value === HOST_GATEWAY) return { address: hostGateway, names: [name] };
  if (isIP(value) === 0) throw invalid(`invalid IP address in add-host: "${value}"`);
  return { address: value, names: [name] };
}

/** `web.example.org web` for a host with a domain, else the host name alone. */
export function ownNames(hostname: string, domainname: string): string[] {
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`;
  const short = full.split('.')[0] ?? full;
  return short === full || short === '' ? [full] : [full, short];
}

/** A container's own lines: each of its addresses with its names. */
export function ownEntries(
  endpoints: readonly Pick<EndpointState, 'ipv4Address' | 'ipv6Address'>[],
  hostname: string,
  domainname: string,
): HostEntry[] {
  const addresses = endpoints.flatMap(({ ipv4Address, ipv6Address }) => [ipv4Address, ipv6Address]).filter((address) => address !== '');
  return addresses.map((address) => ({ address, names: ownNames(hostname, domainname) }));
}

/** /etc/hosts of a running container after some of its own lines are gone and others have come. What anybody else wrote stays. */
export function changeHosts(text: string, gone: readonly HostEntry[], come: readonly HostEntry[]): string {
  const dropped = new Set(lines(gone).split('\n').filter(Boolean));
  const rest = text.split('\n').filter((line) => !dropped.has(line));
  return renderHosts(come, rest.join('\n'));
}

/** `base` is what the file starts with: the host's own text in host mode, else the names of loopback. */
export function renderHosts(entries: readonly HostEntry[], base: string = lines(LOCAL_NAMES)): string {
  return `${base}${base === '' || base.endsWith('\n') ? '' : '\n'}${lines(entries)}`;
}

function lines(entries: readonly HostEntry[]): string {
  return entries
    .filter((entry) => entry.names.length > 0)
    .map((entry) => `${entry.address}\t${entry.names.join(' ')}\n`)
    .join('');
}
