import { readFileSync } from 'node:fs';
import { describe, invalid, notFound, systemClock } from '../../base/index.ts';
import {
  Accounts,
  addRule,
  decide,
  type Identity,
  parseRules,
  ROBOT,
  type Rule,
  readRules,
  removeRule,
  replaceRules,
  TEAM,
  USER,
  type Wish,
} from '../../registry/index.ts';
import type { Store } from '../../store/index.ts';
import { POLICY_HELP } from './help.ts';
import { joined, printDone, printRows } from './output.ts';
import { COMMON, listOf, openAccounts, readWords, theName } from './words.ts';

const OPTIONS = {
  ...COMMON,
  allow: { type: 'string' },
  deny: { type: 'string' },
  immutable: { type: 'string', multiple: true },
  who: { type: 'string', multiple: true },
  repository: { type: 'string', multiple: true },
} as const;
const VERBS = ['add', 'rm', 'ls', 'apply', 'export', 'test'];

/** `gantry registry policy …`: rules for who may do what where, and which tags stay. */
export async function runPolicyCommand(args: readonly string[]): Promise<number> {
  const { values, verb, names, json } = readWords('policy', VERBS, args, OPTIONS);
  if (values.help || verb === '') {
    process.stdout.write(POLICY_HELP);
    return 0;
  }
  await using store = await openAccounts(values.root);
  if (verb === 'test') return await test(store, names, json);
  if (verb === 'ls') await list(store, json);
  else if (verb === 'export') process.stdout.write(`${JSON.stringify({ rules: await readRules(store) }, undefined, 2)}\n`);
  else if (verb === 'apply') await apply(store, names, json);
  else {
    const name = theName('policy', verb, names);
    if (verb === 'rm') await removeRule(store, name);
    else {
      const rule = ruleOf(name, values);
      await addRule(store, rule);
      await warnOfStrangers(store, [rule]);
    }
    printDone(name, json);
  }
  return 0;
}

/** A rule may come before those whom it is for, but a name that was mistyped should not go unseen. */
async function warnOfStrangers(store: Store, rules: readonly Rule[]): Promise<void> {
  const kinds: Record<string, string> = { user: USER, team: TEAM, robot: ROBOT };
  for (const { name, who = [] } of rules) {
    for (const one of who) {
      const [kind = '', id = ''] = one.split(':');
      const row = kinds[kind];
      if (row !== undefined && !(await store.get(row, id)))
        process.stderr.write(`Warning: the rule ${name} is for the ${kind} ${id}, who is not there yet\n`);
    }
  }
}

interface RuleFlags {
  allow?: string | undefined;
  deny?: string | undefined;
  immutable?: string[] | undefined;
  who?: string[] | undefined;
  repository?: string[] | undefined;
}

function ruleOf(name: string, { allow, deny, immutable, who, repository = [] }: RuleFlags): Rule {
  return {
    name,
    ...(allow === undefined ? {} : { allow: listOf(allow) }),
    ...(deny === undefined ? {} : { deny: listOf(deny) }),
    ...(immutable === undefined ? {} : { immutable }),
    ...(who === undefined ? {} : { who: who.flatMap(listOf) }),
    repositories: repository,
  };
}

async function list(store: Store, json: boolean): Promise<void> {
  await printRows(await readRules(store), json, {
    NAME: ({ name }) => name,
    RULE: ({ allow, deny }) => (allow ? 'allow' : deny ? 'deny' : 'immutable'),
    WHAT: ({ allow, deny, immutable }) => joined(allow ?? deny ?? immutable),
    WHO: ({ who }) => joined(who),
    REPOSITORIES: ({ repositories }) => joined(repositories),
  });
}

async function apply(store: Store, names: readonly string[], json: boolean): Promise<void> {
  const [file, more] = names;
  if (file === undefined || more !== undefined) throw invalid("'gantry registry policy apply' needs one file: - is standard input");
  const rules = parseRules(await readDocument(file));
  await replaceRules(store, rules);
  await warnOfStrangers(store, rules);
  printDone(file, json, { rules: rules.length });
}

async function readDocument(file: string): Promise<unknown> {
  // JSON is YAML too.
  const { parse } = await import('yaml');
  try {
    return parse(readFileSync(file === '-' ? 0 : file, 'utf8'), { strict: true, maxAliasCount: 0 });
  } catch (error) {
    throw invalid(`the policy ${file} cannot be read: ${describe(error)}`);
  }
}

/** Says what would be decided, and by what. The exit code is 0 for yes, 1 for no. */
async function test(store: Store, names: readonly string[], json: boolean): Promise<number> {
  const [who, action, target = '', more] = names;
  if (who === undefined || action === undefined || more !== undefined || (target === '' && action !== 'catalog'))
    throw invalid("'gantry registry policy test' needs USER ACTION REPOSITORY[:TAG]", 'USER is a user, a robot or anonymous.');
  const identity = await identityOf(store, who);
  const standing = await new Accounts(store).standing(identity);
  const rows = wishesOf(action, target).map(({ wish, what }) => {
    const { allowed, reason } = decide(identity, standing, wish);
    return { user: who, what, allowed, reason };
  });
  await printRows(rows, json, { WHAT: ({ what }) => what, ANSWER: ({ allowed }) => (allowed ? 'yes' : 'no'), WHY: ({ reason }) => reason });
  return rows[0]?.allowed ? 0 : 1;
}

async function identityOf(store: Store, name: string): Promise<Identity> {
  if (name === 'anonymous') return { kind: 'anonymous', name: '' };
  const accounts = new Accounts(store);
  const account = await accounts.find(name, systemClock().now());
  if (!account) throw notFound(`no such user or robot: ${name}`);
  if (account.barred !== undefined) throw invalid(`${account.barred}: it may do nothing`);
  return { kind: account.kind, name: account.name };
}

/** A push to a tag is two questions: is it new, or does it move? */
function wishesOf(action: string, target: string): { wish: Wish; what: string }[] {
  if (action === 'catalog') return [{ wish: { action }, what: 'catalog' }];
  if (action !== 'pull' && action !== 'push' && action !== 'delete')
    throw invalid(`the action ${JSON.stringify(action)} is not known`, 'Use pull, push, delete or catalog.');
  const [, repository = '', tag] = /^(.*?)(?::([^:/]+))?$/.exec(target) ?? [];
  const wish = { action, repository, ...(tag === undefined ? {} : { tag }) } as const;
  const first = { wish, what: `${action} ${target}` };
  return action === 'push' && tag !== undefined ? [first, { wish: { ...wish, overwrite: true }, what: `move ${target}` }] : [first];
}
