import type { netlink } from '../../host/index.ts';
import type { Protocol } from '../../model/index.ts';
import type { GatewayMode } from '../define/options.ts';

/** What one daemon's table is made for. */
export interface RuleSettings {
  /** Name of the nftables tables, in the families ip and ip6. */
  table: string;
  /** Whether the host speaks IPv6. */
  ipv6: boolean;
  networks: readonly GuardedNetwork[];
}

/** One bridge as the rules see it. */
export interface GuardedNetwork {
  bridge: string;
  /** Name for people. */
  name: string;
  /** CIDR; absent where the network has none of the family. */
  subnet4?: string;
  subnet6?: string;
  internal: boolean;
  /** Containers may talk among themselves. */
  talk: boolean;
  masquerade: boolean;
  mode4: GatewayMode;
  mode6: GatewayMode;
  /** The source of traffic to the world, rather than the way out's own; '' for none. */
  hostIPv4: string;
  /** Ports of containers that the world may reach untranslated. */
  open: readonly { address: string; protocol: Protocol; port: number }[];
}

/** One published port as the kernel has it: an entry of a map, no process and no rule of its own. */
export interface Forwarding {
  protocol: Protocol;
  /** IPv4; 0.0.0.0 means every address of the host. */
  hostAddress: string;
  hostPort: number;
  containerAddress: string;
  containerPort: number;
}

const EVERY_ADDRESS = '0.0.0.0';

/** Names the map and the element; two forwardings with the same key exclude each other. */
export function keyOf({ protocol, hostAddress, hostPort }: Forwarding): { map: string; key: string } {
  return hostAddress === EVERY_ADDRESS
    ? { map: 'published', key: `${protocol} . ${hostPort}` }
    : { map: 'published_at', key: `${protocol} . ${hostAddress} . ${hostPort}` };
}

function element(forwarding: Forwarding): string {
  return `${keyOf(forwarding).key} : ${forwarding.containerAddress} . ${forwarding.containerPort}`;
}

type Family = 4 | 6;

/** The elements of each set by the parts of their keys: the same for the script and for the check of what the kernel has. */
export function setElements({ networks }: RuleSettings, family: Family): Record<string, string[][]> {
  const modeOf = (network: GuardedNetwork) => (family === 4 ? network.mode4 : network.mode6);
  const named = (fits: (network: GuardedNetwork) => boolean) => networks.filter(fits).map(({ bridge }) => [bridge]);
  const present = networks.flatMap((network) => {
    const subnet = family === 4 ? network.subnet4 : network.subnet6;
    return subnet === undefined ? [] : [{ network, subnet }];
  });
  const showsHost = (network: GuardedNetwork) =>
    network.masquerade && !network.internal && modeOf(network).startsWith('nat') && (family === 6 || network.hostIPv4 === '');
  return {
    bridges: named(() => true),
    internal: named(({ internal }) => internal),
    unprotected: named((network) => modeOf(network) === 'nat-unprotected'),
    neighbours: named(({ talk }) => talk).flatMap(([bridge = '']) => [[bridge, bridge]]),
    translated: present.filter(({ network }) => showsHost(network)).map(({ subnet }) => [subnet]),
    at_home: present.map(({ network, subnet }) => [network.bridge, subnet]),
    open: networks
      .flatMap(({ open }) => open)
      .filter(({ address }) => address.includes(':') === (family === 6))
      .map(({ address, protocol, port }) => [address, protocol, String(port)]),
  };
}

interface SetShape {
  key: readonly string[];
  interval: boolean;
  comment: string;
}

const shapes = (address: string): Readonly<Record<string, SetShape>> => ({
  bridges: { key: ['ifname'], interval: false, comment: 'bridges of networks' },
  internal: { key: ['ifname'], interval: false, comment: 'networks without a way out' },
  unprotected: { key: ['ifname'], interval: false, comment: 'networks that the world may enter' },
  neighbours: { key: ['ifname', 'ifname'], interval: false, comment: 'networks whose containers may talk among themselves' },
  translated: { key: [address], interval: true, comment: 'subnets that show the address of the host outside' },
  at_home: { key: ['ifname', address], interval: true, comment: 'which subnet belongs to which bridge' },
  open: { key: [address, 'inet_proto', 'inet_service'], interval: false, comment: 'ports that are reached without translation' },
});

function renderSets(settings: RuleSettings, family: Family): string {
  const elements = setElements(settings, family);
  return Object.entries(shapes(family === 4 ? 'ipv4_addr' : 'ipv6_addr'))
    .map(([name, { key, interval, comment }]) => {
      const texts = (elements[name] ?? []).map((parts) => parts.map((part, at) => (key[at] === 'ifname' ? `"${part}"` : part)).join(' . '));
      const list = texts.length === 0 ? '' : `    elements = { ${texts.join(', ')} }\n`;
      return `  set ${name} {\n    type ${key.join(' . ')}\n${interval ? '    flags interval\n' : ''}    comment "${comment}"\n${list}  }\n`;
    })
    .join('');
}

/**
 * The whole table as one nft(8) script. It replaces what is there in one transaction, so it serves the first start,
 * the repair after a flush and the check at the next start alike. Connections that exist live on in conntrack.
 * However many networks and ports there are, a packet meets the same few rules.
 */
export function renderTable(settings: RuleSettings, forwardings: readonly Forwarding[]): string {
  const { table } = settings;
  const elementsOf = (map: string) => {
    const lines = forwardings.filter((forwarding) => keyOf(forwarding).map === map).map(element);
    return lines.length === 0 ? '' : `\n    elements = { ${lines.join(', ')} }`;
  };
  const sources = settings.networks.filter(({ hostIPv4, subnet4 }) => hostIPv4 !== '' && subnet4 !== undefined);
  const chosenSources = sources
    .map(({ subnet4, hostIPv4 }) => `    ip saddr ${subnet4} oifname != @bridges snat to ${hostIPv4}\n`)
    .join('');
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
${renderSets(settings, 4)}  map published {
    type inet_proto . inet_service : ipv4_addr . inet_service${elementsOf('published')}
  }
  map published_at {
    type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service${elementsOf('published_at')}
  }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop comment "the host's own loopback is open to translated traffic only"
  }
  chain translate {
    fib daddr type local dnat to meta l4proto . ip daddr . th dport map @published_at
    fib daddr type local dnat to meta l4proto . th dport map @published
  }
  chain incoming {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp, sctp } jump translate
  }
  chain outgoing {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } jump translate
  }
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @translated oifname != @bridges masquerade comment "to the world"
    oifname @bridges ip saddr 127.0.0.0/8 masquerade comment "from the host's loopback"
    ct status dnat oifname . ip saddr @at_home masquerade comment "neighbours would answer each other past the translation"
${chosenSources}  }
${renderForward('ip')}}
${settings.ipv6 ? renderSix(settings) : ''}`;
}

const renderForward = (family: 'ip' | 'ip6') => `  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept comment "not ours"
    ct state established,related accept
    iifname . oifname @neighbours accept comment "within one network"
    iifname @internal drop comment "no way out"
    oifname @internal drop comment "no way in"
    ct status dnat accept comment "published ports"
    oifname @unprotected accept
    oifname != @bridges accept comment "to the world"
    ${family} daddr . meta l4proto . th dport @open accept comment "published without translation"
    drop comment "from one network into another, or from the world"
  }
`;

/** The same for IPv6; no table at all while no network has it. */
function renderSix(settings: RuleSettings): string {
  const { table, networks } = settings;
  const clean = `table ip6 ${table}\ndelete table ip6 ${table}\n`;
  if (!networks.some(({ subnet6 }) => subnet6 !== undefined)) return clean;
  return `${clean}table ip6 ${table} {
${renderSets(settings, 6)}  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip6 saddr @translated oifname != @bridges masquerade comment "to the world"
  }
${renderForward('ip6')}}
`;
}

const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The element as the kernel has it: what `element` says as text. */
export function encodeElement(forwarding: Forwarding): netlink.MapElement {
  const { map } = keyOf(forwarding);
  const hostAddress = map === 'published_at' ? [addressPart(forwarding.hostAddress)] : [];
  return {
    map,
    key: Buffer.concat([Uint8Array.of(PROTOCOL_NUMBERS[forwarding.protocol], 0, 0, 0), ...hostAddress, portPart(forwarding.hostPort)]),
    value: Buffer.concat([addressPart(forwarding.containerAddress), portPart(forwarding.containerPort)]),
  };
}

const addressPart = (text: string) => Buffer.from(text.split('.').map(Number));
const portPart = (port: number) => Buffer.from([port >> 8, port & 0xff, 0, 0]);
