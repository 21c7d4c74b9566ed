import { type Forwarding, keyOf } from './rules.ts';

/** How many rules each chain of ours has; see `renderTable`. */
const RULES: Readonly<Record<string, number>> = { guard: 1, translate: 2, incoming: 1, outgoing: 1, leaving: 3, forward: 5 };

/** Whether the table, as `nft -j list table` tells it, holds all our chains and rules and exactly these forwardings. */
export function isIntact(table: readonly unknown[], wanted: readonly Forwarding[]): boolean {
  const objects = table as readonly Record<string, Record<string, unknown>>[];
  const rulesOf = (chain: string) => objects.filter(({ rule }) => rule?.['chain'] === chain).length;
  const chains = new Set(objects.flatMap(({ chain }) => (chain ? [chain['name']] : [])));
  if (!Object.entries(RULES).every(([chain, count]) => chains.has(chain) && rulesOf(chain) === count)) return false;
  const present = objects.flatMap(({ map }) => (map ? elementsOf(map) : [])).toSorted();
  const expected = wanted.map(describeForwarding).toSorted();
  return present.length === expected.length && present.every((text, index) => text === expected[index]);
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
  const parts =
    'concat' in value ? (value.concat as unknown[]) : 'elem' in value ? [concatenation((value.elem as { val: unknown }).val)] : [];
  return parts.map(String).join(' . ');
}
