import { CommandFailure } from '../failure.ts';
import { type Flags, parseInteger, splitCsv } from '../flags/index.ts';

/** One network to join, as `--network` and its companions describe it. */
export interface Attachment {
  name: string;
  aliases: string[];
  links: string[];
  linkLocal: string[];
  ip: string;
  ip6: string;
  mac: string;
  priority: number;
  options: Record<string, string>;
}

const bare = (name: string): Attachment => ({
  name,
  aliases: [],
  links: [],
  linkLocal: [],
  ip: '',
  ip6: '',
  mac: '',
  priority: 0,
  options: {},
});

/** Reads one `--network`: a name, or `name=…,alias=…,ip=…`. */
function parseNetwork(given: string): Attachment {
  const result = bare('');
  const fault = (reason: string) => new CommandFailure(`invalid argument ${JSON.stringify(given)} for "--network" flag: ${reason}`, 125);
  if (!/(^|,)(name|alias|driver-opt|ip|ip6|link-local-ip|mac-address|gw-priority)=/.test(given)) return bare(given);
  for (const field of splitCsv(given)) {
    const equals = field.indexOf('=');
    if (equals <= 0) throw fault(`invalid field ${field}`);
    const key = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (key === 'name') result.name = value;
    else if (key === 'alias') result.aliases.push(value);
    else if (key === 'ip') result.ip = value;
    else if (key === 'ip6') result.ip6 = value;
    else if (key === 'mac-address') result.mac = value;
    else if (key === 'link-local-ip') result.linkLocal.push(value);
    else if (key === 'gw-priority') result.priority = parseInteger(value);
    else if (key === 'driver-opt') {
      const split = value.indexOf('=');
      if (split <= 0) throw fault(`invalid key value pair format in driver options`);
      result.options[value.slice(0, split)] = value.slice(split + 1);
    } else throw fault(`invalid field key ${key}`);
  }
  if (result.name === '') throw fault('invalid network configuration: network name is required');
  return result;
}

/** Adds the flags that mean "the network", which is the first one. */
function withCompanions(first: Attachment, flags: Flags): Attachment {
  const clash = (flag: string) => new CommandFailure(`conflicting options: cannot specify both --${flag} and per-network ${flag}`, 125);
  const aliases = [...flags.list('network-alias'), ...flags.list('net-alias')];
  if (aliases.length > 0 && first.aliases.length > 0) throw clash('network-alias');
  for (const [flag, own] of [
    ['ip', first.ip],
    ['ip6', first.ip6],
    ['mac-address', first.mac],
  ] as const) {
    if (flags.text(flag) !== '' && own !== '') throw clash(flag);
  }
  return {
    ...first,
    aliases: [...first.aliases, ...aliases],
    links: flags.list('link'),
    linkLocal: [...first.linkLocal, ...flags.list('link-local-ip')],
    ip: first.ip || flags.text('ip'),
    ip6: first.ip6 || flags.text('ip6'),
    mac: first.mac || flags.text('mac-address'),
  };
}

const BUILT_IN = /^(default|bridge|host|none|container:.*)$/;

/** The networks in the order given; the first carries the single flags. At least one: `default`. */
export function readNetworks(flags: Flags): readonly [Attachment, ...Attachment[]] {
  const given = [...flags.list('network'), ...flags.list('net')].map(parseNetwork);
  const [first, ...rest] = given;
  const start = withCompanions(first ?? bare('default'), flags);
  if (start.aliases.length > 0 && BUILT_IN.test(start.name))
    throw new CommandFailure('network-scoped aliases are only supported for user-defined networks', 125);
  for (const one of rest) {
    if (/^(host|none|container:.*)$/.test(one.name) || /^(host|none|container:.*)$/.test(start.name)) {
      throw new CommandFailure('conflicting options: cannot attach both user-defined and non-user-defined network-modes', 125);
    }
  }
  const names = [start, ...rest].map((one) => one.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new CommandFailure(`network ${JSON.stringify(twice)} is specified multiple times`, 125);
  return [start, ...rest];
}

/** The value of NetworkingConfig.EndpointsConfig for one network. */
export function endpointBody(one: Attachment): Record<string, unknown> {
  const addresses = {
    ...(one.ip ? { IPv4Address: one.ip } : {}),
    ...(one.ip6 ? { IPv6Address: one.ip6 } : {}),
    ...(one.linkLocal.length > 0 ? { LinkLocalIPs: one.linkLocal } : {}),
  };
  return {
    ...(Object.keys(addresses).length > 0 ? { IPAMConfig: addresses } : {}),
    ...(one.links.length > 0 && !BUILT_IN.test(one.name) ? { Links: one.links } : {}),
    ...(one.aliases.length > 0 ? { Aliases: one.aliases } : {}),
    ...(one.mac ? { MacAddress: one.mac } : {}),
    ...(Object.keys(one.options).length > 0 ? { DriverOpts: one.options } : {}),
    ...(one.priority ? { GwPriority: one.priority } : {}),
  };
}
