import type { RuleSettings } from './rules.ts';

export interface Chain {
  name: string;
  /** Type, hook and priority as nft(8) writes them; absent for chains that others jump to. */
  base?: string;
  rules: string[];
}

/** Bits of a packet's mark. ASK: the host's own rules shall judge it. JUDGED: they have, and it came back through the gate. */
export const MARK_ASK = 0x01000000;
export const MARK_JUDGED = 0x02000000;
const hex = (mark: number) => `0x${mark.toString(16).padStart(8, '0')}`;
/** Our protocols: those whose header begins with two ports. */
const WITH_PORTS = 'meta l4proto { tcp, udp, sctp }';

/** However many networks and ports there are, a packet meets these rules. Why they are so: docs/design/network.md and exposure.md. */
export function chainsOf(settings: RuleSettings, family: 4 | 6): Chain[] {
  const { gate } = settings;
  return [
    ...(gate || family === 4 ? [guard(settings, family)] : []),
    ...translation(settings, family),
    leaving(settings, family),
    ...(gate ? [judged(gate, family)] : []),
    forward(family),
  ];
}

function guard({ gate }: RuleSettings, family: 4 | 6): Chain {
  const loopback = `ip daddr 127.0.0.0/8 iifname @bridges drop comment "the host's own loopback is open to translated traffic only"`;
  // A copy must not be fragmented (nf_dup), but the datagram may have come in fragments.
  const whole = family === 4 ? ' ip frag-off set 0' : '';
  const back = gate ? [`iifname "${gate.back}" meta mark set meta mark & ${hex(~MARK_ASK >>> 0)} | ${hex(MARK_JUDGED)}${whole}`] : [];
  return { name: 'guard', base: 'type filter hook prerouting priority raw', rules: [...(family === 4 ? [loopback] : []), ...back] };
}

function translation({ gate }: RuleSettings, family: 4 | 6): Chain[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  // What comes from ::1 cannot leave loopback, as it can from 127.0.0.1 (route_localnet), and link-local addresses cannot leave their
  // link: the daemon's sockets answer there.
  const here = `${WITH_PORTS} ${family === 4 ? '' : 'ip6 daddr != { ::1, fe80::/10 } '}fib daddr type local`;
  const ask = gate ? [`meta mark set meta mark | ${hex(MARK_ASK)}`] : [];
  const back = gate ? [`iifname "${gate.back}" goto translate comment "the host's own rules let it in"`] : [];
  return [
    { name: 'incoming', base: 'type nat hook prerouting priority dstnat', rules: [`${here} jump allowed`] },
    { name: 'outgoing', base: 'type nat hook output priority -100', rules: [`${here} jump translate`] },
    {
      name: 'allowed',
      rules: [
        ...back,
        `meta l4proto . ${ip} daddr . th dport vmap @exposure_at`,
        'meta l4proto . th dport vmap @exposure',
        'goto translate',
      ],
    },
    { name: 'from_lan', rules: [`iifname . ${ip} saddr @lan goto translate`, 'counter drop'] },
    { name: 'by_host', rules: [...ask, 'accept'] },
    {
      name: 'translate',
      rules: [
        `dnat to meta l4proto . ${ip} daddr . th dport map @published_at`,
        'dnat to meta l4proto . th dport map @published',
        `dnat to meta l4proto . ${ip} daddr . th dport map @ranges_at`,
        'dnat to meta l4proto . th dport map @ranges',
      ],
    },
  ];
}

function leaving({ networks }: RuleSettings, family: 4 | 6): Chain {
  const ip = family === 4 ? 'ip' : 'ip6';
  const chosen = networks.filter(({ hostIPv4, subnet4 }) => family === 4 && hostIPv4 !== '' && subnet4 !== undefined);
  return {
    name: 'leaving',
    base: 'type nat hook postrouting priority srcnat',
    rules: [
      `${ip} saddr @translated oifname != @bridges masquerade comment "to the world"`,
      ...(family === 4 ? [`oifname @bridges ip saddr 127.0.0.0/8 masquerade comment "from the host's loopback"`] : []),
      `ct status dnat oifname . ${ip} saddr @at_home masquerade comment "neighbours would answer each other past the translation"`,
      ...chosen.map(({ subnet4, hostIPv4 }) => `ip saddr ${subnet4} oifname != @bridges snat to ${hostIPv4}`),
    ],
  };
}

/** Last of all at input: what comes here was let in by every other chain, so it goes round once more, to be translated. */
function judged(gate: NonNullable<RuleSettings['gate']>, family: 4 | 6): Chain {
  const mine = `meta mark & ${hex(MARK_ASK)} == ${hex(MARK_ASK)}`;
  const next = family === 4 ? gate.next4 : gate.next6;
  return {
    name: 'judged',
    base: 'type filter hook input priority 350',
    rules: [`${mine} dup to ${next} device "${gate.out}"`, `${mine} counter drop`],
  };
}

function forward(family: 4 | 6): Chain {
  const ip = family === 4 ? 'ip' : 'ip6';
  return {
    name: 'forward',
    base: 'type filter hook forward priority filter',
    rules: [
      // First, since nearly every packet is one of these.
      'ct state established,related accept',
      'iifname != @bridges oifname != @bridges accept comment "not ours"',
      'iifname . oifname @neighbours accept comment "within one network"',
      'iifname @internal drop comment "no way out"',
      'oifname @internal drop comment "no way in"',
      'ct status dnat accept comment "published ports"',
      'oifname @unprotected accept',
      'oifname != @bridges accept comment "to the world"',
      `${ip} daddr . meta l4proto . th dport @open accept comment "published without translation"`,
      `${ip} daddr . meta l4proto . th dport @open_near iifname . ${ip} saddr @lan accept comment "the same, for neighbours"`,
      'drop comment "from one network into another, or from the world"',
    ],
  };
}
