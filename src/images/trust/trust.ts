import type { Repository } from '../distribution/repository.ts';
import type { Reference } from '../reference.ts';

/**
 * Trust decides whether what a registry offers under a name may become an image here. The operator's policy names repositories and what
 * each of them needs: nothing, a signature by one of some keys, or it is refused. Signatures are cosign's, all of its three ways to keep them.
 *
 * It is asked with digests that the pull has verified and goes on with, so what is judged is what is pulled. Images that are here already,
 * and those that are loaded, imported or built, are not judged.
 */
export interface Trust {
  /** What the policy says of a name by itself; undefined where it wants a signature. */
  settled(reference: Reference): TrustReport | undefined;
  /** Fails with `denied` when the policy refuses the repository whatever is there: no registry need be asked. */
  admitName(reference: Reference): void;
  /** Fails with `denied`, and says what was found, unless the policy accepts one of `digests`. Resolves to the signature that it accepts. */
  admit(source: Repository, reference: Reference, digests: readonly string[], signal: AbortSignal): Promise<JudgedSignature | undefined>;
  /** What `admit` goes by, without failing: all signatures that there are. */
  report(source: Repository, reference: Reference, digests: readonly string[], signal: AbortSignal): Promise<TrustReport>;
}

export type TrustType = 'accept' | 'reject' | 'signed';

/** A rule as people wrote it. */
export interface TrustRule {
  /** Pattern of repositories in full (`docker.io/library/*`); undefined for the policy's default. */
  repository?: string;
  type: TrustType;
}

export interface TrustReport {
  /** In full, with its registry. */
  repository: string;
  /** Manifests that a signature may be of: what the name stands for, and the image for this platform inside an index. */
  digests: readonly string[];
  /** Undefined when the engine has no policy: then everything is accepted. */
  policy?: string;
  rule: TrustRule;
  admitted: boolean;
  /** One sentence. */
  why: string;
  signatures: readonly JudgedSignature[];
}

export interface JudgedSignature {
  /** The manifest that carries it. */
  manifest: string;
  form: 'simple signature' | 'signature bundle';
  trusted: boolean;
  /** What follows `a <form>` in a sentence: `by the key cosign.pub`, or `is by none of the keys of the rule`. */
  finding: string;
}
