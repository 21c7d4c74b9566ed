import { type Forwarding, keyOf, type RuleSettings, setElements } from './rules.ts';

/** How many rules each chain of ours has; see `renderTable`. */
const RULES: Readonly<Record<string, number>> = { guard: 1, translate: 2, incoming: 1, outgoing: 1, leaving: 3, forward: 10 };
const RULES_OF_SIX: Readonly<Record<string, number>> = { leaving: 1, forward: 10 };

/** Whether the table, as `nft -j list table ip` tells it, holds all our chains, rules and sets and exactly these forwardings. */
export function isIntact(table: readonly unknown[], wanted: readonly Forwarding[], settings: RuleSettings): boolean {
  const chosen = settings.networks.filter(({ hostIPv4, subnet4 }) => hostIPv4 !== '' && subnet4 !== undefined).length;
  if (!holdsRules(table, { ...RULES, leaving: (RULES['leaving'] ?? 0) + chosen }) || !holdsSets(table, settings, 4)) return false;
  const objects = table as readonly Record<string, Record<string, unknown>>[];
  const present = objects.flatMap(({ map }) => (map ? elementsOf(map) : [])).toSorted();
  const expected = wanted.map(describeForwarding).toSorted();
  return present.length === expected.length && present.every((text, index) => text === expected[index]);
}

/** The same for the table of IPv6, which is there only while a network has it. */
export function isSixIntact(table: readonly unknown[] | undefined, settings: RuleSettings): boolean {
  const needed = settings.networks.some(({ subnet6 }) => subnet6 !== undefined);
  if (!needed || table === undefined) return !needed;
  return holdsRules(table, RULES_OF_SIX) && holdsSets(table, settings, 6);
}

function holdsRules(table: readonly unknown[], counts: Readonly<Record<string, number>>): boolean {
  const objects = table as readonly Record<string, Record<string, unknown>>[];
  const rulesOf = (chain: string) => objects.filter(({ rule }) => rule?.['chain'] === chain).length;
  const chains = new Set(objects.flatMap(({ chain }) => (chain ? [chain['name']] : [])));
  return Object.entries(counts).every(([chain, count]) => chains.has(chain) && rulesOf(chain) === count);
}

function holdsSets(table: readonly unknown[], settings: RuleSettings, family: 4 | 6): boolean {
  const objects = table as readonly Record<string, Record<string, unknown>>[];
  return Object.entries(setElements(settings, family)).every(([name, elements]) => {
    const set = objects.find((object) => object['set']?.['name'] === name)?.['set'];
    const present = ((set?.['elem'] ?? []) as unknown[]).map(concatenation).toSorted();
    const expected = [...new Set(elements.map((parts) => parts.join(' . ')))].toSorted();
    return set !== undefined && present.length === expected.length && present.every((text, at) => text === expected[at]);
  });
}

function describeForwarding(forwarding: Forwarding): string {
  const { map, key } = keyOf(forwarding);
  return `${map} ${key} : ${forwarding.containerAddress} . ${forwarding.containerPort}`;
}

function elementsOf(map: Record<string, unknown>): string[] {
  const elements = (map['elem'] ?? []) as readonly (readonly [unknown, unknown])[];
  return elements.map(([key, value]) => `${String(map['name'])} ${concatenation(key)} : ${concatenation(value)}`);
}

function concatenation(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('concat' in value) return (value.concat as unknown[]).map(concatenation).join(' . ');
  if ('prefix' in value) return `${(value.prefix as { addr: string }).addr}/${(value.prefix as { len: number }).len}`;
  return 'elem' in value ? concatenation((value.elem as { val: unknown }).val) : '';
}
