import type { Identity, Scope, Verdict, Wish } from './access.ts';
import { covers, matches, type Rights } from './rights.ts';
import type { Rule } from './rules.ts';

/** What there is to go by. */
export interface Standing {
  /** Neither users nor robots nor rules about people: everybody may do everything but move immutable tags. */
  open: boolean;
  rules: readonly Rule[];
  /** Of the user or robot itself; absent for anonymous. */
  own?: Rights;
  /** The user's teams. */
  teams: readonly { name: string; rights: Rights }[];
}

/** May they? What a rule denies stays denied; what nothing allows is denied too. The reason names what decided. */
export function decide(identity: Identity, standing: Standing, wish: Wish): Verdict {
  const frozen = frozenTag(standing.rules, wish);
  if (frozen) return frozen;
  if (standing.open) return { allowed: true, reason: 'the registry has no users, robots or rules: it is open' };
  if (wish.action === 'ping') {
    // Whoever holds a token has learned where they come from, also without a name.
    const knows = identity.kind !== 'anonymous' || identity.grants !== undefined;
    return knows ? { allowed: true, reason: `${identity.name || 'the token'} is known here` } : asksForName(wish);
  }
  const verdict = byRules(identity, standing, wish);
  if (!verdict.allowed || !identity.grants || grantsCover(identity.grants, wish)) return verdict;
  const reason = `the token was not issued for ${wish.action}${'repository' in wish ? ` of ${wish.repository}` : ''}`;
  return { allowed: false, reason, status: 401, scopes: scopesOf(wish), error: 'insufficient_scope' };
}

function frozenTag(rules: readonly Rule[], wish: Wish): Verdict | undefined {
  if (!('repository' in wish) || wish.tag === undefined || !(wish.action === 'delete' || wish.overwrite)) return undefined;
  const { repository, tag } = wish;
  const rule = rules.find(({ immutable, repositories }) => immutable && matches(repository, repositories) && matches(tag, immutable));
  if (!rule) return undefined;
  const what = wish.action === 'delete' ? 'deleted' : 'moved to another image';
  const reason = `the tag ${tag} of ${repository} is immutable by the rule ${rule.name}: it cannot be ${what}; push another tag`;
  return { allowed: false, reason, status: 403, scopes: [] };
}

function byRules(identity: Identity, standing: Standing, wish: Wish): Verdict {
  const repository = 'repository' in wish ? wish.repository : undefined;
  const what = repository === undefined ? 'list the repositories' : `${wish.action} ${repository}`;
  const who = identity.kind === 'anonymous' ? 'somebody without a name' : `the ${identity.kind} ${identity.name}`;
  const mine = standing.rules.filter(({ who: names = [] }) => names.some((name) => isMeant(identity, standing.teams, name)));
  const denial = mine.find(({ deny, repositories }) => deny && covers({ actions: deny, repositories }, wish.action, repository));
  if (denial) return refused(identity, wish, `the rule ${denial.name} denies ${who} to ${what}`);
  const allowed = (by: string): Verdict => ({ allowed: true, reason: `${who} may ${what} by ${by}` });
  if (standing.own && covers(standing.own, wish.action, repository)) return allowed('rights of its own');
  const team = standing.teams.find(({ rights }) => covers(rights, wish.action, repository));
  if (team) return allowed(`the team ${team.name}`);
  const rule = mine.find(({ allow, repositories }) => allow && covers({ actions: allow, repositories }, wish.action, repository));
  if (rule) return allowed(`the rule ${rule.name}`);
  if (identity.kind === 'anonymous') return asksForName(wish);
  return refused(identity, wish, `nothing allows ${who} to ${what}: ${summary(standing)}`);
}

/** Somebody without a name may do better with one. */
function refused(identity: Identity, wish: Wish, reason: string): Verdict {
  if (identity.kind !== 'anonymous') return { allowed: false, reason, status: 403, scopes: [] };
  return { ...asksForName(wish), reason } as Verdict;
}

function asksForName(wish: Wish): Verdict {
  const reason =
    wish.action === 'ping'
      ? 'the registry asks for a user name'
      : `the registry asks for a user name to ${wish.action === 'catalog' ? 'list the repositories' : wish.action}: log in`;
  return { allowed: false, reason, status: 401, scopes: scopesOf(wish) };
}

function isMeant({ kind, name }: Identity, teams: Standing['teams'], who: string): boolean {
  if (who === 'everybody') return true;
  if (kind === 'anonymous') return who === 'anonymous';
  return who === 'authenticated' || who === `${kind}:${name}` || teams.some((team) => who === `team:${team.name}`);
}

function summary({ own, teams }: Standing): string {
  const tell = ({ actions, repositories }: Rights) => `${actions.join(', ')} of ${repositories.join(', ')}`;
  const some = [
    ...(own?.actions.length ? [`its own rights are ${tell(own)}`] : []),
    ...teams.map(({ name, rights }) => `the team ${name} gives ${tell(rights)}`),
  ];
  return some.join('; ') || 'it has no rights of its own and no team';
}

/** What a token must be issued for, to open the way to this. */
export function scopesOf(wish: Wish): Scope[] {
  if (wish.action === 'ping') return [];
  if (wish.action === 'catalog') return [{ type: 'registry', name: 'catalog', actions: ['*'] }];
  const actions = wish.action === 'push' ? ['pull', 'push'] : [wish.action];
  return [{ type: 'repository', name: wish.repository, actions }];
}

function grantsCover(grants: readonly Scope[], wish: Wish): boolean {
  if (wish.action === 'ping') return true;
  const [type, name, action] = wish.action === 'catalog' ? ['registry', 'catalog', '*'] : ['repository', wish.repository, wish.action];
  return grants.some((grant) => grant.type === type && grant.name === name && grant.actions.includes(action));
}
