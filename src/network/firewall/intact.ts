import { chainsOf } from './chains.ts';
import { type Element, elementsOf, type Forwarding, mapShapes, textOf } from './elements.ts';
import { isNeeded, type RuleSettings, setElements } from './rules.ts';

type Objects = readonly Record<string, Record<string, unknown>>[];

/** Whether a table, as `nft -j list table` tells it (undefined: there is none), holds all our chains, rules and sets and exactly these forwardings. */
export function isIntact(
  table: readonly unknown[] | undefined,
  wanted: readonly Forwarding[],
  settings: RuleSettings,
  family: 4 | 6,
): boolean {
  if (!isNeeded(settings, family) || table === undefined) return (table === undefined) === !isNeeded(settings, family);
  const objects = table as Objects;
  const elements = wanted.flatMap(elementsOf).filter((element) => element.family === family);
  return holdsRules(objects, settings, family) && holdsSets(objects, settings, family) && holdsElements(objects, elements, family);
}

function holdsRules(objects: Objects, settings: RuleSettings, family: 4 | 6): boolean {
  const rulesOf = (chain: string) => objects.filter(({ rule }) => rule?.['chain'] === chain).length;
  const chains = new Set(objects.flatMap(({ chain }) => (chain ? [chain['name']] : [])));
  return chainsOf(settings, family).every(({ name, rules }) => chains.has(name) && rulesOf(name) === rules.length);
}

function holdsElements(objects: Objects, wanted: readonly Element[], family: 4 | 6): boolean {
  return Object.keys(mapShapes(family)).every((name) => {
    const map = objects.find((object) => object['map']?.['name'] === name)?.['map'];
    if (!map) return false;
    const entries = (map['elem'] ?? []) as readonly (readonly [unknown, unknown])[];
    const present = entries.map(([key, value]) => `${concatenation(key)} : ${concatenation(value)}`).toSorted();
    const expected = wanted
      .filter((element) => element.map === name)
      .map(textOf)
      .toSorted();
    return present.length === expected.length && present.every((text, at) => text === expected[at]);
  });
}

function holdsSets(objects: Objects, settings: RuleSettings, family: 4 | 6): boolean {
  return Object.entries(setElements(settings, family)).every(([name, elements]) => {
    const set = objects.find((object) => object['set']?.['name'] === name)?.['set'];
    const present = ((set?.['elem'] ?? []) as unknown[]).map(concatenation).toSorted();
    const expected = [...new Set(elements.map((parts) => parts.join(' . ')))].toSorted();
    return set !== undefined && present.length === expected.length && present.every((text, at) => text === expected[at]);
  });
}

function concatenation(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('concat' in value) return (value.concat as unknown[]).map(concatenation).join(' . ');
  if ('range' in value) return (value.range as unknown[]).join('-');
  if ('goto' in value) return `goto ${(value.goto as { target: string }).target}`;
  if ('prefix' in value) return `${(value.prefix as { addr: string }).addr}/${(value.prefix as { len: number }).len}`;
  return 'elem' in value ? concatenation((value.elem as { val: unknown }).val) : '';
}
