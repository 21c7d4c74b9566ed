import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { describe, invalid } from '../../base/index.ts';

/** A public key that signatures are held against. */
export interface TrustKey {
  /** Where it came from, for messages. */
  name: string;
  /** SHA-256 of its SubjectPublicKeyInfo, in hexadecimal. */
  fingerprint: string;
  signed(data: Uint8Array, signature: Uint8Array): boolean;
}

const LEAST_RSA_BITS = 2048;
/** What cosign hashes with, by curve (names of OpenSSL). */
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' };
const KINDS = 'Keys are ECDSA on P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519, as PEM (cosign.pub).';

/** Reads one public key in PEM. Fails with `invalid`, saying `where`; a private key is refused, as it has no place here. */
export function parseTrustKey(name: string, pem: string, where: string): TrustKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw invalid(`${where} holds a private key`, 'Name the public one (cosign.pub).');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: 'pem' });
  } catch (cause) {
    throw invalid(`${where} holds no public key: ${describe(cause)}`, KINDS);
  }
  const hash = hashOf(where, key);
  const fingerprint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return {
    name,
    fingerprint,
    signed: (data, signature) => verify(hash, data, key, signature),
  };
}

/** The hash that goes with the key; null where the scheme has its own. */
function hashOf(where: string, key: KeyObject): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return null;
  if (type === 'rsa') {
    if ((details?.modulusLength ?? 0) >= LEAST_RSA_BITS) return 'sha256';
    throw invalid(`${where} holds an RSA key of ${details?.modulusLength} bits, too weak to be trusted`, KINDS);
  }
  const hash = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
  if (hash === undefined) throw invalid(`${where} holds a key of a kind that is not supported: ${details?.namedCurve ?? type}`, KINDS);
  return hash;
}
