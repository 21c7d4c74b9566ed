import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { denied, describe, invalid } from '../../base/index.ts';
import type { Repository } from '../distribution/repository.ts';
import type { Reference } from '../reference.ts';
import { judge, type Wanted } from './claims.ts';
import { findSignatures } from './find-signatures.ts';
import { type PolicyRule, parseTrustPolicy, policyName, ruleFor, type TrustPolicy } from './policy.ts';
import type { JudgedSignature, Trust, TrustReport, TrustRule } from './trust.ts';

const NAMED = 3;

/**
 * Trust by a policy file. It is read now, so that a mistake is told at start, and again for each pull: changes of it, and of the keys
 * that it names, count at once. Fails with `invalid`.
 */
export function openTrust(file: string): Trust {
  readPolicy(file);
  return new PolicyTrust(file);
}

class PolicyTrust implements Trust {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  settled(reference: Reference): TrustReport | undefined {
    return settledBy(this.#rule(reference), this.#about(reference, []));
  }

  admitName(reference: Reference): void {
    const settled = this.settled(reference);
    if (settled?.admitted === false) throw this.#refusal(settled, 'Change the policy to pull it.');
  }

  async admit(
    source: Repository,
    reference: Reference,
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<JudgedSignature | undefined> {
    const report = await this.#judge(source, reference, digests, signal, true);
    const image = `${report.repository}@${digests[0]}`;
    if (!report.admitted)
      throw this.#refusal(
        report,
        `Have it signed (cosign sign --key KEY ${image}), or change the policy; 'gantry trust verify' tells more.`,
      );
    return report.signatures.find(({ trusted }) => trusted);
  }

  report(source: Repository, reference: Reference, digests: readonly string[], signal: AbortSignal): Promise<TrustReport> {
    return this.#judge(source, reference, digests, signal, false);
  }

  async #judge(
    source: Repository,
    reference: Reference,
    digests: readonly string[],
    signal: AbortSignal,
    untilTrusted: boolean,
  ): Promise<TrustReport> {
    const rule = this.#rule(reference);
    const about = this.#about(reference, digests);
    const settled = settledBy(rule, about);
    if (settled) return settled;
    const wanted: Wanted = {
      ...{ digests, keys: rule.keys, signedAs: rule.signedAs ?? about.repository },
      tag: reference.digest === undefined ? reference.tag : undefined,
    };
    const signatures = await judgeAll(source, wanted, signal, untilTrusted);
    const trusted = signatures.find((signature) => signature.trusted);
    const why = trusted ? `a ${trusted.form} ${trusted.finding}` : lack(rule, signatures);
    return { ...about, rule: shownRule(rule), admitted: trusted !== undefined, why, signatures };
  }

  #about(reference: Reference, digests: readonly string[]) {
    return { repository: policyName(reference), digests, policy: this.#file };
  }

  #rule(reference: Reference): PolicyRule {
    const policy = readPolicy(this.#file);
    return ruleFor(policy, policyName(reference)) ?? { repository: '', type: policy.default, keys: [] };
  }

  #refusal({ repository, why }: TrustReport, hint: string) {
    return denied(`the trust policy ${this.#file} refuses ${repository}: ${why}`, hint);
  }
}

function readPolicy(file: string): TrustPolicy {
  const read = (path: string, what: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw invalid(`cannot read ${what} ${path}: ${describe(error)}`);
    }
  };
  const readKey = (path: string) => read(resolve(dirname(file), path), `a key that ${file} names,`);
  return parseTrustPolicy(read(file, 'the trust policy'), file, readKey);
}

async function judgeAll(source: Repository, wanted: Wanted, signal: AbortSignal, untilTrusted: boolean): Promise<JudgedSignature[]> {
  const judged: JudgedSignature[] = [];
  for (const digest of wanted.digests) {
    for await (const signature of findSignatures(source, digest, signal)) {
      const { manifest, form } = signature;
      const verdict = 'unreadable' in signature ? { fault: signature.unreadable } : judge(signature, { ...wanted, digests: [digest] });
      const trusted = verdict.fault === undefined;
      judged.push({ manifest, form, trusted, finding: trusted ? `by the key ${verdict.key.name}` : verdict.fault });
      if (trusted && untilTrusted) return judged;
    }
  }
  return judged;
}

function settledBy(rule: PolicyRule, about: Pick<TrustReport, 'repository' | 'digests' | 'policy'>): TrustReport | undefined {
  if (rule.type === 'signed') return undefined;
  return { ...about, rule: shownRule(rule), admitted: rule.type === 'accept', why: `${asked(rule)} ${rule.type}s it`, signatures: [] };
}

function shownRule({ type, repository }: PolicyRule): TrustRule {
  return { type, ...(repository === '' ? {} : { repository }) };
}

function asked(rule: PolicyRule): string {
  return rule.repository === '' ? 'its default' : `its rule for ${JSON.stringify(rule.repository)}`;
}

/** Why none of the signatures is enough. */
function lack(rule: PolicyRule, signatures: readonly JudgedSignature[]): string {
  const want = `${asked(rule)} wants a signature by ${rule.keys.map(({ fingerprint }) => `the key ${fingerprint.slice(0, 12)}`).join(' or ')}`;
  if (signatures.length === 0) return `${want}, and the registry has none`;
  const told = [...new Set(signatures.map(({ form, finding }) => `a ${form} ${finding}`))];
  return `${want}, but ${told.slice(0, NAMED).join('; ')}${told.length > NAMED ? '; …' : ''}`;
}
