import type { Protocol } from '../../model/index.ts';
import type { GatewayMode } from '../define/options.ts';
import { type Chain, chainsOf } from './chains.ts';
import { type Element, elementsOf, type Forwarding, mapShapes, textOf } from './elements.ts';

/** What one daemon's table is made for. */
export interface RuleSettings {
  /** Name of the nftables tables, in the families ip and ip6. */
  table: string;
  /** Whether the host speaks IPv6. */
  ipv6: boolean;
  networks: readonly GuardedNetwork[];
  /** Networks that the host has an address in, by the device: what `lan` means. CIDR. */
  lan: readonly { device: string; network: string }[];
  /** The way round for packets that the host's own rules judge; absent while no port asks for it. */
  gate?: Gate;
}

/** A pair of devices: what goes out of one comes back in at the other. */
export interface Gate {
  /** Another one when the devices were made anew: rules know them by number. */
  id: string;
  out: string;
  back: string;
  /** Addresses of nobody that lead to the device `out`. */
  next4: string;
  next6: string;
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
  /** Ports of containers that are reached untranslated: by the world, or by neighbours of the host only. */
  open: readonly { address: string; protocol: Protocol; port: number; near?: boolean }[];
}

type Family = 4 | 6;

/** The elements of each set by the parts of their keys: the same for the script and for the check of what the kernel has. */
export function setElements({ networks, lan }: RuleSettings, family: Family): Record<string, string[][]> {
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
    lan: lan.filter(({ network }) => network.includes(':') === (family === 6)).map(({ device, network }) => [device, network]),
    at_home: present.map(({ network, subnet }) => [network.bridge, subnet]),
    open: openOf(networks, family, false),
    open_near: openOf(networks, family, true),
  };
}

function openOf(networks: RuleSettings['networks'], family: Family, near: boolean): string[][] {
  return networks
    .flatMap(({ open }) => open)
    .filter((one) => one.address.includes(':') === (family === 6) && (one.near ?? false) === near)
    .map(({ address, protocol, port }) => [address, protocol, String(port)]);
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
  lan: { key: ['ifname', address], interval: true, comment: 'networks that the host has an address in' },
  open: { key: [address, 'inet_proto', 'inet_service'], interval: false, comment: 'ports that are reached without translation' },
  open_near: { key: [address, 'inet_proto', 'inet_service'], interval: false, comment: 'the same, by neighbours only' },
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
 * The tables of both families as one nft(8) script. It replaces what is there in one transaction, so it serves the first start,
 * the repair after a flush and the check at the next start alike. Connections that exist live on in conntrack.
 */
export function renderTables(settings: RuleSettings, forwardings: readonly Forwarding[]): string {
  const elements = forwardings.flatMap(elementsOf);
  return ([4, 6] as const)
    .filter((family) => family === 4 || settings.ipv6)
    .map((family) => renderTable(settings, family, elements))
    .join('');
}

/** There is no table of IPv6 while no network has it. */
export function isNeeded(settings: RuleSettings, family: Family): boolean {
  return family === 4 || settings.networks.some(({ subnet6 }) => subnet6 !== undefined);
}

function renderTable(settings: RuleSettings, family: Family, elements: readonly Element[]): string {
  const table = `${family === 4 ? 'ip' : 'ip6'} ${settings.table}`;
  const clean = `table ${table}\ndelete table ${table}\n`;
  if (!isNeeded(settings, family)) return clean;
  const mine = elements.filter((element) => element.family === family);
  const chains = chainsOf(settings, family);
  return `${clean}table ${table} {
${renderSets(settings, family)}${renderMaps(family, mine)}${chains.map(renderChain).join('')}}
`;
}

function renderMaps(family: Family, elements: readonly Element[]): string {
  return Object.entries(mapShapes(family))
    .map(([name, { key, value, interval, comment }]) => {
      const texts = elements.filter(({ map }) => map === name).map(textOf);
      const list = texts.length === 0 ? '' : `    elements = { ${texts.join(', ')} }\n`;
      const flags = interval ? '    flags interval\n' : '';
      return `  map ${name} {\n    type ${key.join(' . ')} : ${value.join(' . ')}\n${flags}    comment "${comment}"\n${list}  }\n`;
    })
    .join('');
}

function renderChain({ name, base, rules }: Chain): string {
  const lines = [...(base === undefined ? [] : [`${base}; policy accept;`]), ...rules];
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}
