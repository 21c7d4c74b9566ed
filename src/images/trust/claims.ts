import { tryParseReference } from '../reference.ts';
import type { TrustKey } from './keys.ts';
import { matchesRepository, policyName } from './policy.ts';

/** A signature as it came from a registry: nothing in it is to be believed before a key has been held against it. */
export interface Signature {
  /** Digest of the manifest that carries it. */
  manifest: string;
  form: 'simple signature' | 'signature bundle';
  /** Any of them is enough. */
  signatures: readonly Uint8Array[];
  /** What it says, as JSON. */
  payload: Uint8Array;
  /** In a bundle: what the envelope says that the payload is, signed with it. */
  payloadType?: string;
}

/** What could not be read as a signature by a key, and why. */
export interface UnreadableSignature {
  manifest: string;
  form: Signature['form'];
  /** A sentence's end. */
  unreadable: string;
}

export interface Wanted {
  /** Any of them is enough. */
  digests: readonly string[];
  keys: readonly TrustKey[];
  /** Pattern of the repository that a claim may name. */
  signedAs: string;
  /** Undefined when the pull is by digest: then the claim's tag does not matter. */
  tag: string | undefined;
}

/** What cosign's in-toto statements are of when they sign an image, rather than attest something of it. */
export const SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';
const STATEMENTS: readonly unknown[] = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];

/** Undefined `fault`: it is by one of the keys, and says what is wanted. Otherwise a sentence's end. */
export function judge(signature: Signature, wanted: Wanted): { key: TrustKey; fault?: undefined } | { fault: string } {
  const signed = signedBytes(signature);
  const key = wanted.keys.find((candidate) => signature.signatures.some((bytes) => candidate.signed(signed, bytes)));
  if (!key) return { fault: 'is by none of the keys of the rule' };
  let claim: unknown;
  try {
    claim = JSON.parse(Buffer.from(signature.payload).toString('utf8'));
  } catch {
    return { fault: 'holds something that is not JSON' };
  }
  const fault = signature.form === 'signature bundle' ? statementFault(claim, wanted) : simpleFault(claim, wanted);
  return fault === undefined ? { key } : { fault };
}

/** Simple signing signs the payload as it is; DSSE (protocol 1.0, PAE) its type and the payload, each with its length in bytes. */
function signedBytes({ payload, payloadType }: Signature): Uint8Array {
  if (payloadType === undefined) return payload;
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload]);
}

/** An in-toto statement (in-toto attestation framework, "Statement"). */
function statementFault(claim: unknown, wanted: Wanted): string | undefined {
  const { _type, predicateType, subject } = fields(claim);
  if (!STATEMENTS.includes(_type)) return 'holds no in-toto statement';
  if (predicateType !== SIGN_PREDICATE) return `attests ${shown(predicateType)}, which is no signature of the image`;
  const digests = (Array.isArray(subject) ? subject : []).map((one) => `sha256:${String(fields(fields(one)['digest'])['sha256'])}`);
  return digests.some((digest) => wanted.digests.includes(digest)) ? undefined : `is of another image: ${shown(digests[0])}`;
}

/** Simple signing's payload (containers/image, "container signature" format). */
function simpleFault(claim: unknown, wanted: Wanted): string | undefined {
  const critical = fields(fields(claim)['critical']);
  const digest = fields(critical['image'])['docker-manifest-digest'];
  if (typeof digest !== 'string' || !wanted.digests.includes(digest)) return `is of another image: ${shown(digest)}`;
  const name = fields(critical['identity'])['docker-reference'];
  const reference = typeof name === 'string' ? tryParseReference(name) : undefined;
  if (!reference || !matchesRepository(wanted.signedAs, policyName(reference))) return `is of ${shown(name)}, not of ${wanted.signedAs}`;
  if (reference.tag !== undefined && wanted.tag !== undefined && reference.tag !== wanted.tag)
    return `is of the tag ${shown(reference.tag)}, not of "${wanted.tag}"`;
  return undefined;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** A stranger's text, bounded and without control characters. */
function shown(value: unknown): string {
  return JSON.stringify(value ?? null).slice(0, 200);
}
