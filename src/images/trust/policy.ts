import { invalid, objectOf, parseDocument } from '../../base/index.ts';
import { type Reference, repositoryOf, tryParseReference } from '../reference.ts';
import { parseTrustKey, type TrustKey } from './keys.ts';
import type { TrustType } from './trust.ts';

export interface TrustPolicy {
  default: 'accept' | 'reject';
  /** The first that matches counts. */
  rules: readonly PolicyRule[];
}

export interface PolicyRule {
  repository: string;
  type: TrustType;
  /** Any of them is enough. Empty unless `type` is `signed`. */
  keys: readonly TrustKey[];
  /** Pattern of the repository that a signature may name, where that is another than the pulled one (a mirror). */
  signedAs?: string;
}

const KEYS = ['default', 'rules'];
const RULE_KEYS = ['repository', 'type', 'keys', 'signedAs'];
const TYPES: readonly unknown[] = ['accept', 'reject', 'signed'];

/**
 * Reads a policy document. Every field is checked: a policy that is misread would let things through. `readKey` gives the text of a key
 * file that the policy names. Fails with `invalid`, saying where.
 */
export function parseTrustPolicy(text: string, where: string, readKey: (path: string) => string): TrustPolicy {
  const document = parseDocument(text, where, KEYS);
  const fallback = document['default'];
  if (fallback !== 'accept' && fallback !== 'reject')
    throw invalid(`${where}: "default" must be "accept" or "reject": what holds for repositories that no rule names`);
  const { rules = [] } = document;
  if (!Array.isArray(rules)) throw invalid(`${where}: "rules" must be a list`);
  return { default: fallback, rules: rules.map((rule, index) => parseRule(rule, `${where}: rule ${index + 1}`, readKey)) };
}

/** A repository as rules name it: in full, and the same for all spellings of its registry. */
export function policyName({ domain, path }: Reference): string {
  return `${domain.toLowerCase().replace(/:443$/, '')}/${path}`;
}

/** The rule for a repository, by its `policyName`. */
export function ruleFor(policy: TrustPolicy, repository: string): PolicyRule | undefined {
  return policy.rules.find((rule) => matchesRepository(rule.repository, repository));
}

/** `*` stands for what is between two slashes, `**` for any of it. */
export function matchesRepository(pattern: string, repository: string): boolean {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&')));
  return new RegExp(`^${source.join('')}$`).test(repository);
}

function parseRule(value: unknown, where: string, readKey: (path: string) => string): PolicyRule {
  const rule = objectOf(value, where, RULE_KEYS);
  const { type, keys, signedAs } = rule;
  const repository = parsePattern(rule['repository'], `${where}: "repository"`);
  if (!TYPES.includes(type)) throw invalid(`${where}: "type" is ${JSON.stringify(type)}, not "accept", "reject" or "signed"`);
  if (type !== 'signed') {
    if (keys !== undefined || signedAs !== undefined)
      throw invalid(`${where}: "keys" and "signedAs" belong to "signed" alone, not to "${type}"`);
    return { repository, type: type as TrustType, keys: [] };
  }
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every((key) => typeof key === 'string'))
    throw invalid(`${where}: "keys" must list at least one file with a public key`, 'cosign generate-key-pair makes one: cosign.pub.');
  return {
    repository,
    type: 'signed',
    keys: (keys as string[]).map((key) => parseTrustKey(key, readKey(key), `${where}: ${key}`)),
    ...(signedAs === undefined ? {} : { signedAs: parsePattern(signedAs, `${where}: "signedAs"`) }),
  };
}

/** A pattern that could never match, such as one without a registry, would be a hole. */
function parsePattern(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(`${where} must be a pattern of repositories such as "docker.io/library/*"`);
  const sample = tryParseReference(value.replaceAll('*', 'x'));
  if (/^\*\*?$/.test(value) || (value.startsWith('*') && sample?.tag === undefined && sample?.digest === undefined)) return value;
  if (!sample || sample.tag !== undefined || sample.digest !== undefined)
    throw invalid(
      `${where} is ${JSON.stringify(value)}, not a pattern of repositories`,
      'It has neither tag nor digest: "registry.example.org/team/**".',
    );
  if (repositoryOf(sample) !== value.replaceAll('*', 'x'))
    throw invalid(`${where} is ${JSON.stringify(value)}, not the full name`, `Write "${fullPattern(value)}".`);
  if (policyName(sample) !== value.replaceAll('*', 'x'))
    throw invalid(`${where} is ${JSON.stringify(value)}: registries are in lower case, and without the port 443`);
  return value;
}

function fullPattern(value: string): string {
  const name = value.replace(/^index\.docker\.io\//, '');
  return `docker.io/${name.includes('/') ? '' : 'library/'}${name}`;
}
