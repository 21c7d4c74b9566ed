import { createHash } from 'node:crypto';
import { isMapping, type Mapping, type Tree } from '../document/tree.ts';

/** Keys that say how a container comes to be, not what it is: a change of them replaces nothing. */
const IRRELEVANT = new Set([
  'build',
  'depends_on',
  'develop',
  'extends',
  'profiles',
  'pull_policy',
  'pull_refresh_after',
  'scale',
  'attach',
  'pre_stop',
  'post_start',
]);
/** The same of keys within keys. */
const INNER: Readonly<Record<string, ReadonlySet<string>>> = {
  deploy: new Set(['replicas', 'update_config', 'rollback_config', 'placement', 'mode', 'endpoint_mode', 'labels']),
  'x-gantry': new Set(['drain']),
};
const DIGITS = 8;

/** The same text for the same meaning: keys sorted, numbers and truths as texts. */
export function canonicalText(tree: Tree): string {
  if (Array.isArray(tree)) return `[${tree.map(canonicalText).join(',')}]`;
  if (!isMapping(tree)) return JSON.stringify(tree === null ? null : String(tree));
  const entries = Object.entries(tree).filter(([key]) => !key.startsWith('x-'));
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${JSON.stringify(key)}:${canonicalText(value)}`)
    .join(',')}}`;
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

/** A short digest of each key that matters to containers of a service. `more` are facts from outside the service. */
export function fingerprint(definition: Mapping, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const relevant = Object.entries(definition).filter(([key]) => !IRRELEVANT.has(key) && (!key.startsWith('x-') || key in INNER));
  const parts = relevant.map(([key, value]): [string, Tree] => [key, isMapping(value) ? withoutKeys(value, INNER[key]) : value]);
  const meaning = [...parts.filter(([, value]) => !isEmpty(value)), ...Object.entries(more)];
  return Object.fromEntries(
    meaning.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, digest(canonicalText(value)).slice(0, DIGITS)]),
  );
}

const withoutKeys = (tree: Mapping, keys: ReadonlySet<string> = new Set()) =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.has(key)));
const isEmpty = (tree: Tree) => tree === null || (typeof tree === 'object' && Object.keys(tree).length === 0);

export const keysLabel = (keys: Readonly<Record<string, string>>) =>
  Object.entries(keys)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** Names of the keys that differ between a container's label and the file; undefined when the container has no such label. */
export function changedKeys(label: string | undefined, keys: Readonly<Record<string, string>>): string[] | undefined {
  if (label === undefined) return undefined;
  const before = new Map(
    label
      .split(',')
      .filter((one) => one !== '')
      .map((one) => [one.slice(0, one.lastIndexOf('=')), one.slice(one.lastIndexOf('=') + 1)]),
  );
  const names = new Set([...before.keys(), ...Object.keys(keys)]);
  return [...names].filter((name) => before.get(name) !== keys[name]).sort();
}
