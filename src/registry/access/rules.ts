import { conflict, invalid, notFound } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { POLICY } from './kinds.ts';
import { checkAccountName, checkGlob, checkRights } from './rights.ts';

const ROW = 'rules';

/**
 * An entry of the policy: one of `allow`, `deny` and `immutable`. What a rule denies stays denied whatever else allows it; an
 * immutable tag, once pushed, neither moves nor goes.
 */
export interface Rule {
  name: string;
  allow?: string[];
  deny?: string[];
  /** Patterns of tags. */
  immutable?: string[];
  /** For allow and deny: `user:NAME`, `team:NAME`, `robot:NAME`, `anonymous` (no name given), `authenticated`, `everybody`. */
  who?: string[];
  repositories: string[];
}

const WHO = /^((user|team|robot):[a-z0-9][a-z0-9._-]{0,63}|anonymous|authenticated|everybody)$/i;
const KEYS = ['name', 'allow', 'deny', 'immutable', 'who', 'repositories'];

export async function readRules(store: Store): Promise<Rule[]> {
  return (await store.get<{ rules: Rule[] }>(POLICY, ROW))?.value.rules ?? [];
}

export async function addRule(store: Store, rule: Rule): Promise<void> {
  checkRule(rule);
  await change(store, (rules) => {
    if (rules.some(({ name }) => name === rule.name))
      throw conflict(`the rule ${rule.name} exists already`, `Remove it first: gantry registry policy rm ${rule.name}`);
    return [...rules, rule];
  });
}

export async function removeRule(store: Store, name: string): Promise<void> {
  await change(store, (rules) => {
    if (!rules.some((rule) => rule.name === name)) throw notFound(`no such rule: ${name}`);
    return rules.filter((rule) => rule.name !== name);
  });
}

/** Makes these, as `parseRules` has checked them, the only rules. */
export async function replaceRules(store: Store, rules: readonly Rule[]): Promise<void> {
  await change(store, () => [...rules]);
}

/** Fails with `conflict` when somebody else changed the rules meanwhile. */
async function change(store: Store, work: (rules: Rule[]) => Rule[]): Promise<void> {
  const row = await store.get<{ rules: Rule[] }>(POLICY, ROW);
  const changed = { rules: work(row?.value.rules ?? []) };
  if (row) await store.update(POLICY, ROW, changed, row.revision);
  else await store.create(POLICY, ROW, changed);
}

/** Rules of a policy document: `{ "rules": [...] }`. Fails with `invalid` that names the rule and what is wrong with it. */
export function parseRules(document: unknown): Rule[] {
  const rules = typeof document === 'object' && document !== null && 'rules' in document ? document.rules : undefined;
  if (!Array.isArray(rules)) throw invalid('the policy has no list of rules', 'Write rules: and below it one entry a rule.');
  const parsed = rules.map((rule: unknown, i) => parseRule(rule, i));
  const twice = parsed.find(({ name }, i) => parsed.findIndex((other) => other.name === name) !== i);
  if (twice) throw invalid(`two rules are called ${twice.name}`);
  return parsed;
}

function parseRule(value: unknown, i: number): Rule {
  if (typeof value !== 'object' || value === null) throw invalid(`rule ${i + 1} is not an object`);
  const given = value as Record<string, unknown>;
  const name = typeof given['name'] === 'string' ? given['name'] : '';
  if (name === '') throw invalid(`rule ${i + 1} has no name`);
  const unknown = Object.keys(given).find((key) => !KEYS.includes(key));
  if (unknown) throw invalid(`the rule ${name} has a key that is not known: ${unknown}`, `Known are ${KEYS.join(', ')}.`);
  for (const key of KEYS.slice(1)) {
    const list = given[key];
    if (list !== undefined && !(Array.isArray(list) && list.every((one) => typeof one === 'string')))
      throw invalid(`${key} of the rule ${name} is not a list of texts`);
  }
  const rule = { ...(given as unknown as Rule), repositories: (given['repositories'] as string[] | undefined) ?? [] };
  checkRule(rule);
  return rule;
}

function checkRule({ name, allow, deny, immutable, who, repositories }: Rule): void {
  checkAccountName('rule', name);
  if ([allow, deny, immutable].filter((list) => list !== undefined).length !== 1)
    throw invalid(`the rule ${name} must have one of allow, deny and immutable`);
  if (repositories.length === 0) throw invalid(`the rule ${name} names no repositories`, "'**' means all.");
  checkRights({ actions: allow ?? deny ?? [], repositories });
  for (const tag of immutable ?? []) checkGlob(tag);
  if ((allow ?? deny ?? immutable)?.length === 0) throw invalid(`the rule ${name} has an empty list`);
  if (immutable && who) throw invalid(`the rule ${name} is for everybody: immutable tags take no 'who'`);
  if (!immutable && !who?.length)
    throw invalid(`the rule ${name} does not say for whom it is`, "who: [everybody], ['team:NAME'], ['user:NAME'] …");
  const wrong = who?.find((one) => !WHO.test(one));
  if (wrong !== undefined)
    throw invalid(
      `'${wrong}' in the rule ${name} is nobody`,
      'Write user:NAME, team:NAME, robot:NAME, anonymous, authenticated or everybody.',
    );
}
