import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { decodeOptions, type Options } from './attributes.ts';

const decode = (options: Options) =>
  decodeOptions(options, {
    sharedKey: 'key',
    upload: () => Readable.from([]),
    input: (name) => ({ kind: 'image', reference: `input ${name}` }),
  });

describe('options of a build', () => {
  it('have the defaults of a plain docker build', () => {
    assert.deepEqual(decode({}), {
      dockerfile: { kind: 'client', directory: 'dockerfile', path: 'Dockerfile' },
      context: { kind: 'client', directory: 'context', sharedKey: 'key/context' },
      namedContexts: {},
      buildArguments: {},
      labels: {},
      noCache: false,
      pull: false,
      network: { kind: 'bridge' },
      extraHosts: [],
      resources: {},
      ulimits: [],
      shmSize: 64 * 1024 * 1024,
      cacheFrom: [],
    });
  });

  it('are all decoded', () => {
    const decoded = decode({
      filename: 'X.Dockerfile',
      target: 'base',
      'build-arg:K': 'V=W',
      'build-arg:BUILDKIT_INLINE_CACHE': '1',
      'label:a.b': 'c',
      'image-resolve-mode': 'pull',
      'no-cache': 'a,b',
      'force-network-mode': 'host',
      'add-hosts': 'foo=1.2.3.4,six=[::1]',
      ulimit: 'nofile=100:200,nproc=5',
      'shm-size': '67108865',
      'cgroup-parent': '/x',
      platform: 'linux/amd64',
      'context:e': 'local:e',
      'context:i': 'docker-image://busybox:latest',
      'context:g': 'https://example.com/x.git#main',
      'context:t': 'input:0-t',
      'input-metadata:0-t': '{}',
      'frontend.caps': 'moby.buildkit.frontend.contexts+forward',
      'cache-imports': '[{"Type":"registry","Attrs":{"ref":"r/x"}}]',
    });
    assert.deepEqual(decoded, {
      dockerfile: { kind: 'client', directory: 'dockerfile', path: 'X.Dockerfile' },
      context: { kind: 'client', directory: 'context', sharedKey: 'key/context' },
      namedContexts: {
        e: { kind: 'client', directory: 'e', sharedKey: 'key/e' },
        i: { kind: 'image', reference: 'busybox:latest' },
        g: { kind: 'remote', url: 'https://example.com/x.git#main' },
        t: { kind: 'image', reference: 'input 0-t' },
      },
      target: 'base',
      buildArguments: { K: 'V=W' },
      labels: { 'a.b': 'c' },
      platform: 'linux/amd64',
      noCache: ['a', 'b'],
      pull: true,
      network: { kind: 'host' },
      extraHosts: ['foo:1.2.3.4', 'six:::1'],
      resources: {},
      ulimits: [
        { name: 'nofile', soft: 100, hard: 200 },
        { name: 'nproc', soft: 5, hard: 5 },
      ],
      shmSize: 67108865,
      cgroupParent: '/x',
      cacheFrom: ['r/x'],
    });
  });

  it('look for the Dockerfile in a context that came from elsewhere, unless the client serves one', () => {
    assert.deepEqual(decode({ context: 'https://example.com/x.git' }).dockerfile, { kind: 'context', path: 'Dockerfile' });
    assert.equal(decode({ context: 'http://buildkit-session/abc' }).context?.kind, 'tar');
    assert.deepEqual(decode({ context: 'https://example.com/x.git', dockerfilekey: 'dockerfile' }).dockerfile, {
      kind: 'client',
      directory: 'dockerfile',
      path: 'Dockerfile',
    });
  });

  for (const [options, message] of [
    [{ 'something-new': '1' }, /something-new=1 is not supported/],
    [{ 'attest:provenance': 'mode=max' }, /attestations are not supported \(provenance\)/],
    [{ platform: 'linux/amd64,linux/arm64' }, /several platforms.*linux\/amd64,linux\/arm64/],
    [{ 'force-network-mode': 'mine' }, /network mode "mine"/],
    [{ ulimit: 'nofiles=1' }, /invalid ulimit: nofiles=1/],
    [{ 'shm-size': '1g' }, /invalid shm-size: 1g/],
    [{ 'add-hosts': 'x' }, /invalid host in add-hosts: x/],
    [{ 'cache-imports': '{' }, /invalid cache-imports/],
    [{ 'cache-imports': '[{"Type":"gha"}]' }, /cache of type gha/],
    [{ 'context:x': 'oci-layout://x' }, /context x=oci-layout/],
  ] as const satisfies readonly (readonly [Options, RegExp])[])
    it(`fail by name for ${JSON.stringify(options)}`, () => {
      assert.throws(() => decode(options), message);
    });
});
