import type { Command } from '../../command.ts';
import { pairsToMap } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, csv, type Flags, list, map, text } from '../../flags/index.ts';

interface Subnet {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Bits of an IPv4 or IPv6 address; undefined when it is none. */
function addressBits(text: string): { value: bigint; width: number } | undefined {
  if (/^\d+(\.\d+){3}$/.test(text)) return { value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n), width: 32 };
  if (!text.includes(':')) return undefined;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.length === 8
    ? { value: groups.reduce((sum, part) => sum * 65536n + BigInt(`0x${part || '0'}`), 0n), width: 128 }
    : undefined;
}

/** Whether `address` (or the start of a range in CIDR form) lies in `subnet`. */
export function inSubnet(subnet: string, address: string): boolean {
  const [base = '', length = ''] = subnet.split('/');
  const net = addressBits(base);
  const one = addressBits(address.split('/')[0] ?? '');
  if (!net || !one) throw new CommandFailure(`invalid CIDR address: ${net ? address : subnet}`);
  const shift = BigInt(net.width - Number(length));
  return net.width === one.width && net.value >> shift === one.value >> shift;
}

/** Gives each range, gateway and further address to the subnet that holds it. Throws `CommandFailure` for one that none holds. */
function subnets(flags: Flags): Subnet[] {
  const all: Subnet[] = flags.list('subnet').map((subnet) => ({ Subnet: subnet }));
  const place = (what: string, address: string): Subnet => {
    const home = all.find((one) => inSubnet(one.Subnet, address));
    if (!home) throw new CommandFailure(`no matching subnet for ${what} ${address}`);
    return home;
  };
  for (const range of flags.list('ip-range')) {
    const home = place('range', range);
    if (home.IPRange)
      throw new CommandFailure(`cannot configure multiple ranges (${range}, ${home.IPRange}) on the same subnet (${home.Subnet})`);
    home.IPRange = range;
  }
  for (const gateway of flags.list('gateway')) {
    const home = place('gateway', gateway);
    if (home.Gateway)
      throw new CommandFailure(`cannot configure multiple gateways (${gateway}, ${home.Gateway}) for the same subnet (${home.Subnet})`);
    home.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(pairsToMap(flags.list('aux-address')))) {
    const home = place('aux-address', address);
    home.AuxiliaryAddresses = { ...home.AuxiliaryAddresses, [name]: address };
  }
  return all;
}

const command: Command = {
  usage: '[OPTIONS] NETWORK',
  flags: [
    bool('attachable', 'Let containers join by hand'),
    map('aux-address', 'Addresses that others use (name=address)'),
    text('config-from', 'Take the settings of this network'),
    bool('config-only', 'Keep settings only'),
    text('driver', 'Driver of the network', { short: 'd', default: 'bridge' }),
    csv('gateway', "The subnet's gateway"),
    bool('ingress', "Make it the swarm's own network"),
    bool('internal', 'Do not let it reach the outside'),
    csv('ip-range', 'Give out addresses of this range only'),
    text('ipam-driver', 'Driver that gives out addresses', { default: 'default' }),
    map('ipam-opt', 'Option of that driver (name=value)'),
    bool('ipv4', 'Use IPv4', { default: 'true' }),
    bool('ipv6', 'Use IPv6'),
    list('label', 'Set a label (name=value)'),
    map('opt', 'Option of the driver (name=value)', { short: 'o' }),
    text('scope', 'Scope of the network'),
    csv('subnet', 'Subnet, such as 10.1.0.0/16'),
  ],
  args: [1, 1],
  async run(session, flags, [name = '']) {
    const body = {
      Name: name,
      Driver: flags.text('driver'),
      Scope: flags.text('scope'),
      Internal: flags.bool('internal'),
      Attachable: flags.bool('attachable'),
      Ingress: flags.bool('ingress'),
      ConfigOnly: flags.bool('config-only'),
      ...(flags.given('config-from') ? { ConfigFrom: { Network: flags.text('config-from') } } : {}),
      ...(flags.given('ipv4') ? { EnableIPv4: flags.bool('ipv4') } : {}),
      ...(flags.given('ipv6') ? { EnableIPv6: flags.bool('ipv6') } : {}),
      IPAM: { Driver: flags.text('ipam-driver'), Options: pairsToMap(flags.list('ipam-opt')), Config: subnets(flags) },
      Options: pairsToMap(flags.list('opt')),
      Labels: pairsToMap(flags.list('label')),
    };
    const client = await session.client();
    const made = await client.json<{ Id: string; Warning?: string }>('POST', '/networks/create', { body });
    if (made.Warning) session.err(`WARNING: ${made.Warning}\n`);
    session.out(`${made.Id}\n`);
  },
};
export default command;
