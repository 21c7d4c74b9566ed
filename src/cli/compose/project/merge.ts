import { isDeepStrictEqual } from 'node:util';
import { isMapping, type Mapping, resetsOf, setSpot, spotOf, type Tree, withSpots } from '../document/tree.ts';

/** Lists that the later file replaces as a whole. */
const REPLACED = new Set(['command', 'entrypoint', 'test']);
/** Lists whose entries are the same thing when these keys are the same. */
const IDENTITY: Readonly<Record<string, (item: Mapping) => unknown>> = {
  ports: (port) => [port['host_ip'] ?? '', port['target'], port['published'] ?? '', port['protocol']],
  volumes: (mount) => mount['target'],
  devices: (device) => device['target'] ?? device['source'],
  secrets: (grant) => grant['target'] ?? grant['source'],
  configs: (grant) => grant['target'] ?? grant['source'],
  env_file: (file) => file['path'],
};
/** Mappings in which a name without value says something. */
const KEEPS_NULL = new Set(['environment', 'args', 'labels', 'networks']);

/**
 * Joins two canonical trees; the second one wins. Mappings join by key, lists one after the other without doubles, other values are
 * replaced. Compose Specification, "Merge".
 */
export function merge(base: Tree, over: Tree, key = ''): Tree {
  if (isMapping(base) && isMapping(over)) return key === 'logging' && differ(base, over) ? over : mergeMappings(base, over, key);
  if (Array.isArray(base) && Array.isArray(over)) return REPLACED.has(key) ? over : mergeLists(base, over, key);
  return over === null ? base : over;
}

/** Options of one log driver mean nothing to another. */
const differ = (base: Mapping, over: Mapping) =>
  over['driver'] !== undefined && base['driver'] !== undefined && over['driver'] !== base['driver'];

function mergeMappings(base: Mapping, over: Mapping, inside: string): Mapping {
  const made = withSpots({ ...base }, base);
  for (const key of resetsOf(over)) delete made[key];
  for (const [key, value] of Object.entries(over)) {
    const before = made[key];
    const spot = spotOf(over, key);
    const joins = before !== undefined && before !== null && spot?.override !== true;
    made[key] = joins && !(value === null && KEEPS_NULL.has(inside)) ? merge(before, value, key) : value;
    setSpot(made, key, spot);
  }
  return made;
}

function mergeLists(base: readonly Tree[], over: readonly Tree[], key: string): Tree[] {
  const identify = IDENTITY[key];
  const made: Tree[] = [];
  for (const [list, at, item] of [
    ...base.map((one, index) => [base, index, one] as const),
    ...over.map((one, index) => [over, index, one] as const),
  ]) {
    const same = made.findIndex((other) =>
      identify && isMapping(other) && isMapping(item) ? isDeepStrictEqual(identify(other), identify(item)) : isDeepStrictEqual(other, item),
    );
    const place = same < 0 ? made.length : same;
    made[place] = item;
    setSpot(made, place, spotOf(list, at));
  }
  return made;
}
