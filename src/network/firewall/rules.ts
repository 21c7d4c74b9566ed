import type { netlink } from '../../host/index.ts';
import type { Protocol } from '../../model/index.ts';

/** What one daemon's table is made for. */
export interface RuleSettings {
  /** Name of the nftables table, in family ip. */
  table: string;
  bridge: string;
  /** CIDR of the bridge. */
  subnet: string;
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

/**
 * The whole table as one nft(8) script. It replaces what is there in one transaction, so it serves the first start,
 * the repair after a flush and the check at the next start alike. Connections that exist live on in conntrack.
 */
export function renderTable(settings: RuleSettings, forwardings: readonly Forwarding[]): string {
  const { table, bridge, subnet } = settings;
  const elementsOf = (map: string) => {
    const lines = forwardings.filter((forwarding) => keyOf(forwarding).map === map).map(element);
    return lines.length === 0 ? '' : `\n    elements = { ${lines.join(', ')} }`;
  };
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  map published {
    type inet_proto . inet_service : ipv4_addr . inet_service${elementsOf('published')}
  }
  map published_at {
    type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service${elementsOf('published_at')}
  }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    # route_localnet opens the host's own loopback to the bridge: only translated traffic may use it.
    iifname "${bridge}" ip daddr 127.0.0.0/8 drop
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
    ip saddr ${subnet} oifname != "${bridge}" masquerade
    oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade
    # Neighbours on the bridge would answer each other directly, past the translation.
    ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname != "${bridge}" accept
    iifname "${bridge}" accept
    ct state established,related accept
    ct status dnat accept
    # From outside only published ports: the host routes, but it is not an open door to the containers.
    drop
  }
}
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
