import { formatIp, ipOfBytes, parseIp } from '../addresses/index.ts';
import type { Directory, Found, NamedEndpoint } from '../directory.ts';
import { type Answer, CLASS_INTERNET, encodeName, type Query, TYPE } from './packet.ts';

/**
 * What the networks of a container know of a question; undefined when it is none of theirs and the world must be asked. `own` are the
 * container's endpoints, the way out first: the first network that has an address of the family answers. A name that is known never leaves
 * the host: what it has no records of is answered by none, and not by "no such name", which clients take to be true of both families.
 */
export function answerOf(
  query: Pick<Query, 'class' | 'type' | 'name'>,
  own: readonly NamedEndpoint[],
  directory: Pick<Directory, 'named' | 'at'>,
): Answer | undefined {
  if (query.class !== CLASS_INTERNET) return undefined;
  if (query.type === TYPE.PTR) return nameAt(query.name, own, directory);
  let known = false;
  for (const endpoint of own) {
    const found = [...find(query.name, endpoint, directory)];
    known ||= found.length > 0;
    const answers = found.flatMap((one) => recordsOf(one, query.type));
    if (answers.length > 0) return { code: 0, answers };
  }
  return known ? { code: 0, answers: [] } : undefined;
}

/** By what is said on the network that `from` is on: a name of its own for another, a name, or a name and that of the network. */
function find(name: string, from: NamedEndpoint, directory: Pick<Directory, 'named'>): Iterable<Found> {
  const { networkId, networkName } = from;
  const linked = from.links.get(name);
  if (linked !== undefined) return directory.named(networkId, linked.toLowerCase());
  const suffix = `.${networkName.toLowerCase()}`;
  const found = directory.named(networkId, name);
  for (const _any of found) return found;
  return name.endsWith(suffix) ? directory.named(networkId, name.slice(0, -suffix.length)) : found;
}

function recordsOf({ four, six }: Found, type: number): Answer['answers'] {
  const wanted = (one: number) => type === one || type === TYPE.ANY;
  return [
    ...(four && wanted(TYPE.A) ? [{ type: TYPE.A, data: four }] : []),
    ...(six && wanted(TYPE.AAAA) ? [{ type: TYPE.AAAA, data: six }] : []),
  ];
}

function nameAt(name: string, own: readonly NamedEndpoint[], directory: Pick<Directory, 'at'>): Answer | undefined {
  const address = addressOf(name);
  if (address === undefined) return undefined;
  for (const { networkId, networkName } of own) {
    const first = directory.at(networkId, address)?.names[0];
    if (first !== undefined) return { code: 0, answers: [{ type: TYPE.PTR, data: encodeName(`${first}.${networkName}`) }] };
  }
  return undefined;
}

/** `2.0.18.172.in-addr.arpa` is 172.18.0.2; of IPv6 each hexadecimal digit is a label (RFC 3596 2.5). */
function addressOf(name: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four) {
    const ip = parseIp(four.slice(1).reverse().join('.'));
    return ip && formatIp(ip);
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  return six === undefined ? undefined : formatIp(ipOfBytes(Buffer.from([...six.replaceAll('.', '')].reverse().join(''), 'hex')));
}
