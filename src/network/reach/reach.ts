import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Listener, listListeners, ownersOfSockets } from '../../host/index.ts';
import type { PortRequest, PublishedPort } from '../../model/index.ts';
import { formatPrefix, parsePrefix } from '../addresses/index.ts';
import { type HostTable, type Judgement, judge } from './host-rules.ts';
import type { NetworkFacts, PortReach, ReachSubject } from './words.ts';

/** What is known of this host when the question is asked. */
export interface HostFacts {
  /** Rules of other programs. */
  tables: readonly HostTable[];
  networks: ReadonlyMap<string, NetworkFacts>;
}

/** Every port of `subject` that can be reached, by whom and why, in the order of its numbers. */
function reachOf(subject: ReachSubject, facts: HostFacts): PortReach[] {
  const own = { containerId: subject.id, name: subject.name };
  const published = subject.publishedPorts.map((port) => ({ ...own, ...publishedReach(port, subject, facts) }));
  const inside = insideReach(subject, facts).map((port) => ({ ...own, ...port }));
  return [...published, ...inside].sort((a, b) => a.containerPort - b.containerPort || (a.protocol < b.protocol ? -1 : 1));
}

type Reach = Omit<PortReach, 'containerId' | 'name'>;

function publishedReach(port: PublishedPort, subject: ReachSubject, facts: HostFacts): Reach {
  const { protocol, hostAddress, hostPort, containerPort, count = 1, exposure = 'public' } = port;
  const family = net.isIPv6(hostAddress) ? 6 : 4;
  const relayed = !subject.endpoints.some(({ ipv4Address, ipv6Address }) => (family === 4 ? ipv4Address : ipv6Address) !== '');
  const base = { protocol, containerPort, hostAddress, hostPort, count, policy: exposure, addresses: addressesFor(hostAddress) };
  if (isLoopback(hostAddress)) return { ...base, who: 'this host', why: [`published on ${hostAddress} only`] };
  const input = judge(facts.tables, 'input', { family, protocol, port: hostPort });
  const relay = relayed ? [`the daemon relays IPv${family} to the container, so the host's input rules apply`] : [];
  if (exposure === 'lan')
    return relayed && input.lets === 'nobody'
      ? { ...base, who: 'this host', why: [...relay, closed(input)] }
      : { ...base, who: 'LAN', why: [`policy lan: machines in ${neighbourhoods(family).join(', ') || 'no network at all'}`, ...relay] };
  if (exposure === 'host' || relayed) return { ...base, ...byFirewall(input), why: [`policy ${exposure}`, ...relay, ...whyOf(input)] };
  const out = subject.endpoints.map(({ networkId }) => facts.networks.get(networkId)?.bridge ?? '').find(Boolean) ?? '';
  const forward = judge(facts.tables, 'forward', { family, protocol, port: containerPort, out });
  if (forward.lets === 'nobody') return { ...base, who: 'this host', why: [`policy public, but ${forward.by} drops what is forwarded`] };
  const ignored =
    input.lets === 'everyone'
      ? []
      : [`the firewall is not asked: ${input.by} would let in ${input.lets === 'some' ? 'some only' : 'nobody'}`];
  return { ...base, who: 'everyone', why: [`policy public`, ...ignored] };
}

const closed = ({ by }: Judgement) => `${by} lets nobody in`;

function byFirewall({ lets }: Judgement): Pick<Reach, 'who'> {
  return { who: lets === 'everyone' ? 'everyone' : lets === 'some' ? 'some' : 'this host' };
}

function whyOf(judgement: Judgement): string[] {
  if (judgement.lets === 'nobody') return [closed(judgement)];
  if (judgement.lets === 'some') return [judgement.by];
  return [judgement.by === '' ? 'this host has no input rules' : `${judgement.by} lets it in`];
}

const isLoopback = (address: string) => address.startsWith('127.') || address === '::1';

/** The addresses of this host that `hostAddress` stands for. */
function addressesFor(hostAddress: string): string[] {
  if (hostAddress !== '0.0.0.0' && hostAddress !== '::') return [hostAddress];
  const family = hostAddress === '::' ? 'IPv6' : 'IPv4';
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((one) => one.family === family && !one.address.startsWith('fe80:'))
    .map(({ address }) => address);
}

function neighbourhoods(family: 4 | 6): string[] {
  const devices = Object.entries(networkInterfaces()).filter(([device]) => device !== 'lo');
  return devices.flatMap(([device, addresses]) =>
    (addresses ?? [])
      .filter((one) => one.family === `IPv${family}` && one.cidr !== null && !one.address.startsWith('fe80:'))
      .flatMap(({ cidr }) => {
        const prefix = parsePrefix(cidr ?? '');
        return prefix ? [`${formatPrefix(prefix)} (${device})`] : [];
      }),
  );
}

/** Ports that are exposed and not published, and what networks let in untranslated. */
function insideReach({ endpoints, exposedPorts, publishedPorts, requested }: ReachSubject, { networks }: HostFacts): Reach[] {
  return endpoints.flatMap((endpoint) => {
    const network = networks.get(endpoint.networkId);
    const address = endpoint.ipv4Address || endpoint.ipv6Address;
    if (!network || address === '') return [];
    return exposedPorts
      .filter(({ port, protocol }) => !isAmong(publishedPorts, port, protocol) || network.open === 'wire')
      .map(({ port, protocol }) => ({
        protocol,
        containerPort: port,
        hostAddress: address,
        hostPort: 0,
        count: 1,
        addresses: [address],
        ...insideWho(
          network,
          requested.find((one) => isAmong([one], port, protocol)),
        ),
      }));
  });
}

function isAmong(ports: readonly (PublishedPort | PortRequest)[], port: number, protocol: string): boolean {
  return ports.some((one) => one.protocol === protocol && port >= one.containerPort && port < one.containerPort + (one.count ?? 1));
}

function insideWho({ name, open, talk }: NetworkFacts, requested: PortRequest | undefined): Pick<Reach, 'who' | 'why'> {
  if (open === 'wire') return { who: 'LAN', why: [`on the wire itself by network ${name}: no firewall of this host is between`] };
  if (open === 'routed' && requested?.exposure === 'lan')
    return { who: 'LAN', why: [`network ${name} (routed) lets neighbours of this host in that have a route to it`] };
  if (open === 'unprotected' || (open === 'routed' && requested))
    return { who: 'everyone', why: [`network ${name} (${open}) lets machines in that have a route to it`] };
  if (!talk) return { who: 'this host', why: [`not published; containers of network ${name} are kept apart`] };
  return { who: 'containers', why: [`not published: containers of network ${name} and this host`] };
}

/** Sockets of containers that share the host's network: they are filtered like any service of the host. */
function hostNetworkReach(subjects: readonly ReachSubject[], { tables }: HostFacts): PortReach[] {
  if (subjects.length === 0) return [];
  const listeners = [...listListeners('tcp'), ...listListeners('udp')];
  const owners = ownersOfSockets(new Set(listeners.map(({ inode }) => inode)));
  return listeners.flatMap((listener) => {
    const cgroup = owners.get(listener.inode)?.cgroup ?? '';
    const subject = subjects.find(({ id }) => cgroup.includes(id));
    if (!subject) return [];
    // Such a socket takes IPv4 as well, unless it was told not to; /proc does not say.
    const families = /^0{32}$/.test(listener.address) ? [{ ...listener, family: 4 as const, address: '00000000' }, listener] : [listener];
    return families.map((one) => ({ containerId: subject.id, name: subject.name, ...socketReach(one, tables) }));
  });
}

function socketReach({ protocol, family, address, port }: Listener, tables: readonly HostTable[]): Reach {
  const hostAddress = readAddress(address);
  const base = { protocol, containerPort: port, hostAddress, hostPort: port, count: 1, addresses: addressesFor(hostAddress) };
  if (isLoopback(hostAddress)) return { ...base, who: 'this host', why: [`network host: listens on ${hostAddress} only`] };
  const input = judge(tables, 'input', { family, protocol, port });
  return { ...base, ...byFirewall(input), why: ['network host', ...whyOf(input)] };
}

/** /proc/net writes words of four bytes in the order of the machine, which is little-endian. */
function readAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Of all containers, in the order of their names. */
export function reachOfAll(subjects: readonly ReachSubject[], facts: HostFacts): PortReach[] {
  const onHost = subjects.filter((subject) => subject.onHost);
  const others = subjects.filter((subject) => !subject.onHost);
  const found = [...others.flatMap((subject) => reachOf(subject, facts)), ...hostNetworkReach(onHost, facts)];
  return found.sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
}
