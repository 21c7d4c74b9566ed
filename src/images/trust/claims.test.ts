import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { judge, type Signature, type UnreadableSignature, type Wanted } from './claims.ts';
import { parseTrustKey } from './keys.ts';
import { readSignature, SIMPLE_SIGNING, signatureLayers } from './read-signatures.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const layer = { mediaType: BUNDLE, digest: DIGEST, size: 1, signature: undefined };

const PAIRS: Record<string, [pair: { publicKey: KeyObject; privateKey: KeyObject }, hash: string | null]> = {
  'ECDSA P-256': [generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), 'sha256'],
  'ECDSA P-384': [generateKeyPairSync('ec', { namedCurve: 'secp384r1' }), 'sha384'],
  RSA: [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'],
  Ed25519: [generateKeyPairSync('ed25519'), null],
};
const [ecdsa] = PAIRS['ECDSA P-256'] ?? assert.fail();

function wanted(key: KeyObject, over: Partial<Wanted> = {}): Wanted {
  return { digests: [DIGEST], keys: [parseTrustKey('key', pem(key), 'key')], signedAs: 'example.org/team/*', tag: '1', ...over };
}

const simpleClaim = (digest = DIGEST, reference = 'example.org/team/app') => ({
  critical: {
    identity: { 'docker-reference': reference },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  },
  optional: null,
});

const statement = (predicateType = 'https://sigstore.dev/cosign/sign/v1', sha256 = 'a'.repeat(64)) => ({
  ...{ _type: 'https://in-toto.io/Statement/v1', subject: [{ digest: { sha256 } }] },
  ...{ predicateType, predicate: {} },
});

function simple(claim: unknown, key = ecdsa.privateKey, hash: string | null = 'sha256'): Signature {
  const blob = Buffer.from(JSON.stringify(claim));
  const signature = sign(hash, blob, key).toString('base64');
  return readable(readSignature('m', { ...layer, mediaType: SIMPLE_SIGNING, signature }, blob));
}

function bundle(claim: unknown, key = ecdsa.privateKey, hash: string | null = 'sha256'): Signature {
  const [type, body] = ['application/vnd.in-toto+json', JSON.stringify(claim)];
  const sig = sign(hash, Buffer.from(`DSSEv1 ${type.length} ${type} ${body.length} ${body}`), key).toString('base64');
  const envelope = { payload: Buffer.from(body).toString('base64'), payloadType: type, signatures: [{ sig }] };
  return readable(readSignature('m', layer, Buffer.from(JSON.stringify({ dsseEnvelope: envelope }))));
}

function readable(signature: Signature | UnreadableSignature): Signature {
  if ('unreadable' in signature) assert.fail(signature.unreadable);
  return signature;
}

suite('signatures', () => {
  for (const [kind, [pair, hash]] of Object.entries(PAIRS)) {
    test(`judge() accepts both forms by a key of the kind ${kind}, and neither by another key`, () => {
      for (const signature of [simple(simpleClaim(), pair.privateKey, hash), bundle(statement(), pair.privateKey, hash)]) {
        assert.equal(judge(signature, wanted(pair.publicKey)).fault, undefined);
        const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;
        assert.equal(judge(signature, wanted(other)).fault, 'is by none of the keys of the rule');
      }
    });
  }

  const faults: [what: string, signature: Signature, wanted: Partial<Wanted>, fault: RegExp][] = [
    ['another digest', simple(simpleClaim(`sha256:${'b'.repeat(64)}`)), {}, /another image: "sha256:b/],
    [
      'another repository',
      simple(simpleClaim(DIGEST, 'example.org/other/app')),
      {},
      /of "example.org\/other\/app", not of example.org\/team/,
    ],
    ['no repository', simple({ critical: { image: { 'docker-manifest-digest': DIGEST } } }), {}, /is of null/],
    ['another tag', simple(simpleClaim(DIGEST, 'example.org/team/app:2')), {}, /of the tag "2", not of "1"/],
    ['an empty claim', simple({}), {}, /another image/],
    ['a claim that is a number', simple(7), {}, /another image/],
    ['an attestation', bundle(statement('https://spdx.dev/Document')), {}, /attests "https:\/\/spdx.dev\/Document"/],
    ['another subject', bundle(statement(undefined, 'b'.repeat(64))), {}, /another image/],
    ['no statement', bundle({ predicateType: 'https://sigstore.dev/cosign/sign/v1' }), {}, /no in-toto statement/],
  ];
  for (const [what, signature, over, fault] of faults)
    test(`judge() refuses a good signature of ${what}`, () => {
      assert.match(judge(signature, wanted(ecdsa.publicKey, over)).fault ?? 'accepted', fault);
    });

  test('judge() accepts a claim with a tag when the pull is by digest, and with the same tag', () => {
    const claim = simple(simpleClaim(DIGEST, 'example.org/team/app:1'));
    assert.equal(judge(claim, wanted(ecdsa.publicKey)).fault, undefined);
    assert.equal(
      judge(simple(simpleClaim(DIGEST, 'example.org/team/app:2')), wanted(ecdsa.publicKey, { tag: undefined })).fault,
      undefined,
    );
  });

  test('judge() takes a payload that was changed after signing, and any garbage, for not signed', () => {
    const signature = simple(simpleClaim());
    assert.ok(judge({ ...signature, payload: Buffer.from('{}') }, wanted(ecdsa.publicKey)).fault);
    for (const [pair] of Object.values(PAIRS))
      for (const length of [0, 1, 8, 64, 72, 256, 5000])
        assert.ok(judge({ ...signature, signatures: [randomBytes(length)] }, wanted(pair.publicKey)).fault, `${length} bytes`);
  });

  test('judge() believes nothing of a bundle that its signature does not cover', () => {
    const signature = bundle(statement());
    for (const over of [{ payload: Buffer.from('{}') }, { payloadType: 'text/plain' }, { signatures: [] }])
      assert.equal(judge({ ...signature, ...over }, wanted(ecdsa.publicKey)).fault, 'is by none of the keys of the rule');
  });

  test('what is no signature by a key is told as such', () => {
    const told = (text: string) => {
      const read = readSignature('m', layer, Buffer.from(text));
      return 'unreadable' in read ? read.unreadable : 'readable';
    };
    assert.equal(told('{'), 'is not JSON');
    assert.equal(told('[]'), 'has no DSSE envelope');
    assert.match(told('{"verificationMaterial":{"certificate":{}}}'), /keyless/);
    for (const text of ['', '[]', '{"layers":7}', '{"layers":[null,{"mediaType":"text/plain"}]}'])
      assert.deepEqual(signatureLayers(Buffer.from(text)), []);
  });
});
