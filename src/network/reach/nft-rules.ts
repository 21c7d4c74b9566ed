import type { Action, HostChain, HostRule, HostTable, Match } from './host-rules.ts';

type Fields = Record<string, unknown>;
type Objects = readonly Record<string, Fields>[];

const FAMILIES: Readonly<Record<string, readonly (4 | 6)[]>> = { ip: [4], ip6: [6], inet: [4, 6] };

/** The tables of `nft -j list ruleset` (libnftables-json(5)) that see packets to the host; `skip` leaves some out by family and name. */
export function readNftTables(objects: readonly unknown[], skip: (family: string, table: string) => boolean): HostTable[] {
  const tables = new Map<string, { families: readonly (4 | 6)[]; chains: Map<string, HostChain> }>();
  const placeOf = ({ family, table }: Fields) => {
    const families = FAMILIES[String(family)];
    if (!families || skip(String(family), String(table))) return undefined;
    const name = `${family} ${table}`;
    const place = tables.get(name) ?? { families, chains: new Map<string, HostChain>() };
    tables.set(name, place);
    return place;
  };
  for (const { chain } of objects as Objects) {
    const place = chain && placeOf(chain);
    if (!place) continue;
    place.chains.set(String(chain['name']), {
      name: String(chain['name']),
      ...(chain['hook'] === undefined ? {} : { hook: String(chain['hook']), policy: chain['policy'] === 'drop' ? 'drop' : 'accept' }),
      rules: [],
    });
  }
  for (const { rule } of objects as Objects) {
    const place = rule && placeOf(rule);
    place?.chains.get(String(rule?.['chain']))?.rules.push(readRule((rule?.['expr'] ?? []) as Fields[]));
  }
  return [...tables].map(([name, table]) => ({ name, ...table }));
}

function readRule(expressions: readonly Fields[]): HostRule {
  const matches: Match[] = [];
  let action: Action = 'go on';
  for (const expression of expressions) {
    const [word = '', value] = Object.entries(expression)[0] ?? [];
    if (word === 'match') matches.push(readMatch(value as Fields));
    else if (word === 'accept' || word === 'drop' || word === 'return') action = word;
    else if (word === 'reject') action = 'drop';
    else if (word === 'jump') action = { jump: String((value as Fields)['target']) };
    else if (word === 'goto') action = { goto: String((value as Fields)['target']) };
    else if (word === 'xt') matches.push({ what: 'unknown', words: `-m ${(value as Fields)?.['name'] ?? 'something'}` });
    else if (word === 'vmap') matches.push({ what: 'unknown', words: 'a map of verdicts' });
    else if (word === 'limit') matches.push({ what: 'unknown', words: 'within a limit' });
    // Verdict maps decide themselves; what they come to is not read.
    if (word === 'vmap') action = 'go on';
  }
  return { matches, action };
}

function readMatch({ op, left, right }: Fields): Match {
  const not = op === '!=';
  const [kind = '', value] = Object.entries((left ?? {}) as Fields)[0] ?? [];
  const of = (value ?? {}) as Fields;
  const words = valuesOf(right).map(textOf);
  if (kind === 'meta' && ['iifname', 'iif'].includes(String(of['key']))) return { what: 'device', names: words, not };
  if (kind === 'meta' && ['oifname', 'oif'].includes(String(of['key']))) return { what: 'way out', names: words, not };
  if (kind === 'meta' && of['key'] === 'l4proto') return { what: 'protocol', names: words, not };
  if (kind === 'meta' && of['key'] === 'nfproto') return { what: 'family', family: words.includes('ipv6') !== not ? 6 : 4 };
  if (kind === 'ct' && of['key'] === 'state') return { what: 'new', holds: words.includes('new') !== not };
  // What is asked has not been translated.
  if (kind === 'ct' && of['key'] === 'status' && words.every((word) => word === 'dnat')) return { what: 'new', holds: not };
  if (kind === 'payload') return readPayload(of, valuesOf(right), words, not);
  return { what: 'unknown', words: `${kind} ${of['key'] ?? ''} ${words.join(',')}`.trim() };
}

function readPayload(of: Fields, values: readonly unknown[], words: readonly string[], not: boolean): Match {
  const protocol = String(of['protocol']);
  const field = String(of['field']);
  if (field === 'dport' && !words.some((word) => word.startsWith('@'))) return { what: 'port', ranges: values.map(rangeOf), not };
  if (protocol === 'ip' && field === 'protocol') return { what: 'protocol', names: [...words], not };
  if (protocol === 'icmp' || protocol === 'icmpv6') return { what: 'protocol', names: [protocol], not: false };
  const source = field === 'saddr' ? 'source' : `${protocol} ${field}`;
  return { what: 'unknown', words: `${not ? 'not ' : ''}${source} ${words.slice(0, 4).join(', ')}` };
}

function valuesOf(right: unknown): unknown[] {
  if (Array.isArray(right)) return right;
  return typeof right === 'object' && right !== null && 'set' in right ? valuesOf(right.set) : [right];
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('prefix' in value) return `${(value.prefix as Fields)['addr']}/${(value.prefix as Fields)['len']}`;
  if ('range' in value) return (value.range as unknown[]).join('-');
  return JSON.stringify(value);
}

function rangeOf(value: unknown): [number, number] {
  const range =
    typeof value === 'object' && value !== null && 'range' in value ? (value.range as number[]) : [Number(value), Number(value)];
  return [range[0] ?? 0, range[1] ?? 0];
}
