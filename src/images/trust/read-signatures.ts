import type { Signature, UnreadableSignature } from './claims.ts';

/** Media types of cosign (its SPECIFICATION.md, SIGNATURE_SPEC.md) and of sigstore's bundles. */
export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const SIGNATURE_CONFIG = 'application/vnd.dev.cosign.artifact.sig.v1+json';
export const BUNDLE = /^application\/vnd\.dev\.sigstore\.bundle(\+json;version=0\.\d|\.v0\.\d\+json)$/;
/** Of one envelope; each is held against each key. */
const MOST_ENVELOPE_SIGNATURES = 16;
const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';

/** One layer of a manifest that carries signatures. */
export interface SignatureLayer {
  mediaType: string;
  digest: string;
  size: number;
  /** Base64; of simple signing alone. */
  signature: string | undefined;
}

/** The layers of a manifest that may be signatures. A manifest that is none has none. */
export function signatureLayers(manifest: Uint8Array): SignatureLayer[] {
  let layers: unknown;
  try {
    layers = fields(JSON.parse(Buffer.from(manifest).toString('utf8')))['layers'];
  } catch {
    return [];
  }
  if (!Array.isArray(layers)) return [];
  return layers.map(fields).flatMap(({ mediaType, digest, size, annotations }) => {
    if (typeof mediaType !== 'string' || typeof digest !== 'string' || typeof size !== 'number') return [];
    if (mediaType !== SIMPLE_SIGNING && !BUNDLE.test(mediaType)) return [];
    const signature = fields(annotations)[SIGNATURE_ANNOTATION];
    return [{ mediaType, digest, size, signature: typeof signature === 'string' ? signature : undefined }];
  });
}

/** The signature in a layer. */
export function readSignature(manifest: string, layer: SignatureLayer, blob: Uint8Array): Signature | UnreadableSignature {
  if (layer.mediaType !== SIMPLE_SIGNING) return readBundle(manifest, blob);
  if (layer.signature === undefined) return { manifest, form: 'simple signature', unreadable: 'lacks its signature' };
  return { manifest, form: 'simple signature', signatures: [Buffer.from(layer.signature, 'base64')], payload: blob };
}

/** A bundle with a DSSE envelope (sigstore's bundle format 0.1 to 0.3; DSSE protocol 1.0). */
function readBundle(manifest: string, blob: Uint8Array): Signature | UnreadableSignature {
  const unreadable = (why: string): UnreadableSignature => ({ manifest, form: 'signature bundle', unreadable: why });
  let bundle: Record<string, unknown>;
  try {
    bundle = fields(JSON.parse(Buffer.from(blob).toString('utf8')));
  } catch {
    return unreadable('is not JSON');
  }
  const material = fields(bundle['verificationMaterial']);
  if (material['certificate'] !== undefined || material['x509CertificateChain'] !== undefined)
    return unreadable('is by a certificate (keyless), which no key can prove');
  const { payload, payloadType, signatures } = fields(bundle['dsseEnvelope']);
  if (typeof payload !== 'string' || typeof payloadType !== 'string' || !Array.isArray(signatures))
    return unreadable('has no DSSE envelope');
  const bytes = signatures.map((one) => fields(one)['sig']).filter((sig): sig is string => typeof sig === 'string');
  return {
    manifest,
    form: 'signature bundle',
    signatures: bytes.slice(0, MOST_ENVELOPE_SIGNATURES).map((sig) => Buffer.from(sig, 'base64')),
    payload: Buffer.from(payload, 'base64'),
    payloadType,
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
