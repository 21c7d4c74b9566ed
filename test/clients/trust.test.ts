// Signatures by the real cosign, kept by Gantry's registry, and a policy of the daemon that asks for them.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startGantryRegistry, type TestGantryRegistry } from '../support/gantry-registry.ts';
import { must, PROJECT, run, startDaemon, startRegistry, startTestHost, type TestDaemon, type TestHost } from '../support/index.ts';

const COSIGN = join(PROJECT, '.cache/clients/cosign');
const GANTRY = join(PROJECT, 'bin/gantry');
// No transparency log is asked: keys alone speak. The older formats are those of cosign 2.
const OFFLINE = ['--use-signing-config=false', '--tlog-upload=false'];
const TAG_FORMAT = [...OFFLINE, '--new-bundle-format=false'];

suite('trust', () => {
  let folder: string;
  let host: TestHost;
  let registry: TestGantryRegistry;
  let daemon: TestDaemon;
  const policy = () => join(folder, 'trust.json');
  const name = (repository: string) => `${registry.address}/${repository}`;
  const cosign = (args: readonly string[], env: Record<string, string> = {}) =>
    must(...host.inside(COSIGN, args), { cwd: folder, env: { COSIGN_PASSWORD: 'secret', HOME: folder, ...env } });
  const verify = (...args: string[]) =>
    run(GANTRY, ['-H', `unix://${daemon.socket}`, 'trust', 'verify', ...args], { env: { DOCKER_CONFIG: folder } });

  /** Pushes an image that is no other's, and answers its name with its digest. */
  async function push(repository: string): Promise<string> {
    const tagged = name(`${repository}:1`);
    const container = await daemon.ok('create', 'gantry/busybox', 'true');
    await daemon.ok('commit', '--change', `LABEL of=${repository}`, container, tagged);
    await daemon.ok('rm', container);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(await daemon.ok('push', tagged))?.[1];
    await daemon.ok('rmi', '--force', tagged);
    return `${name(repository)}@${digest}`;
  }

  async function refused(image: string, why: RegExp): Promise<void> {
    const before = await daemon.ok('images', '-aq', '--no-trunc');
    const { status, stderr } = await daemon.docker('pull', image);
    assert.notEqual(status, 0);
    assert.match(stderr, /the trust policy \S+ refuses/);
    assert.match(stderr, why);
    assert.equal(await daemon.ok('images', '-aq', '--no-trunc'), before);
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-trust-'));
    host = await startTestHost();
    registry = await startGantryRegistry({ host });
    await cosign(['generate-key-pair']);
    await cosign(['generate-key-pair', '--output-key-prefix', 'other']);
    const signed = { type: 'signed', keys: ['cosign.pub'] };
    writeFileSync(
      policy(),
      JSON.stringify({
        default: 'reject',
        rules: [
          { repository: `${registry.address}/free/*`, type: 'accept' },
          { repository: `${registry.address}/mirror/*`, ...signed, signedAs: `${registry.address}/team/*` },
          { repository: `${registry.address}/**`, ...signed },
          { repository: '127.0.0.1:5003/**', ...signed },
        ],
      }),
    );
    daemon = await startDaemon({ host, images: ['busybox'], plugins: ['buildx', 'compose'], flags: ['--trust-policy', policy()] });
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('an image without a signature is refused, and pulled once cosign has signed it (bundle, referrers)', async () => {
    const image = await push('team/bundle');
    await refused(image, /wants a signature by the key [0-9a-f]{12}, and the registry has none/);
    await cosign(['sign', ...OFFLINE, '--key', 'cosign.key', image]);
    await cosign(['verify', '--insecure-ignore-tlog', '--key', 'cosign.pub', image]);
    assert.match(await daemon.ok('pull', name('team/bundle:1')), /Trusted: a signature bundle by the key cosign\.pub/);
    assert.equal((await verify(name('team/bundle:1'))).status, 0);
  });

  test("cosign's tag and its experimental referrers count as well", async () => {
    const tagged = await push('team/tagged');
    await cosign(['sign', ...TAG_FORMAT, '--key', 'cosign.key', tagged]);
    await cosign(['verify', '--insecure-ignore-tlog', '--key', 'cosign.pub', tagged]);
    assert.match(await daemon.ok('pull', tagged), /Trusted: a simple signature by/);
    const referring = await push('team/referring');
    const mode = ['--registry-referrers-mode', 'oci-1-1'];
    await cosign(['sign', ...TAG_FORMAT, ...mode, '--key', 'cosign.key', referring], { COSIGN_EXPERIMENTAL: '1' });
    assert.match(await daemon.ok('pull', referring), /Trusted: a simple signature by/);
    await daemon.ok('pull', '--all-tags', name('team/tagged'));
  });

  test('the signature of another key, of another image, of another repository, and an attestation are refused by what they are', async () => {
    const image = await push('team/strange');
    await cosign(['sign', ...OFFLINE, '--key', 'other.key', image]);
    await refused(image, /but a signature bundle is by none of the keys of the rule/);
    const told = await verify(image);
    assert.equal(told.status, 1);
    assert.match(told.stdout, /no good: a signature bundle is by none of the keys/);

    writeFileSync(join(folder, 'predicate.json'), '{}');
    const attested = await push('team/attested');
    await cosign(['attest', ...OFFLINE, '--key', 'cosign.key', '--predicate', 'predicate.json', attested]);
    await cosign(['verify-attestation', '--insecure-ignore-tlog', '--key', 'cosign.pub', attested]);
    await refused(attested, /and the registry has none/);

    const tagged = await push('team/mirrored');
    await cosign(['sign', ...TAG_FORMAT, '--key', 'cosign.key', tagged]);
    const [, digest = ''] = tagged.split('@sha256:');
    const copy = (from: string, to: string) =>
      must(
        ...host.inside('skopeo', [
          ...['copy', '--quiet', '--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false'],
          ...[`docker://${from}`, `docker://${to}`],
        ]),
      );
    const signature = `sha256-${digest}.sig`;
    for (const place of ['mirror/mirrored', 'thief/mirrored']) {
      await copy(tagged, name(`${place}:1`));
      await copy(name(`team/mirrored:${signature}`), name(`${place}:${signature}`));
    }
    await refused(name('thief/mirrored:1'), /a simple signature is of "\S+\/team\/mirrored", not of \S+\/thief\/mirrored/);
    await daemon.ok('pull', name('mirror/mirrored:1'));
    const others = await push('team/others');
    await copy(name(`team/mirrored:${signature}`), name(`team/others:${others.split('@')[1]?.replace(':', '-')}.sig`));
    await refused(others, /a simple signature is of another image: "sha256:[0-9a-f]{64}"/);
  });

  test('runs and builds that pull are held to it; free repositories and images that are here are not', async () => {
    const image = await push('team/unsigned');
    const ran = await daemon.docker('run', '--rm', image, 'true');
    assert.match(ran.stderr, /the trust policy \S+ refuses/);
    for (const DOCKER_BUILDKIT of ['0', '1']) {
      const built = await daemon.dockerWith({ input: `FROM ${image}\n`, env: { DOCKER_BUILDKIT } }, 'build', '-');
      assert.match(built.stdout + built.stderr, /the trust policy \S+ refuses/);
    }
    writeFileSync(join(folder, 'compose.yaml'), `services: { app: { image: '${image}' } }`);
    const composed = await daemon.docker('compose', '--file', join(folder, 'compose.yaml'), 'pull');
    assert.match(composed.stderr, /the trust policy \S+ refuses/);
    await daemon.ok('pull', await push('free/unsigned'));
    assert.match((await daemon.docker('pull', '192.0.2.1:5000/team/app')).stderr, /its default rejects it/);
    assert.equal(await daemon.ok('run', '--rm', 'gantry/busybox', 'echo', 'here'), 'here');
  });

  test("Debian's docker-registry, which has no referrers API, keeps signatures as well", async () => {
    await using peer = await startRegistry(host, 5003);
    await peer.add('busybox', 'team/app:1', 'oci');
    const [image, old] = [`${peer.address}/team/app:1`, `${peer.address}/team/old:1`];
    await refused(image, /and the registry has none/);
    await cosign(['sign', ...OFFLINE, '--key', 'cosign.key', image]);
    assert.match(await daemon.ok('pull', image), /Trusted: a signature bundle by/);
    await peer.add('busybox', 'team/old:1');
    await cosign(['sign', ...TAG_FORMAT, '--key', 'cosign.key', old]);
    assert.match(await daemon.ok('pull', old), /Trusted: a simple signature by/);
  });

  test('an index that is signed as a whole is pulled, and changes of keys count at once', async () => {
    const image = await push('team/index');
    const digest = await makeIndex(image, 'team/index');
    await cosign(['sign', ...OFFLINE, '--key', 'other.key', `${name('team/index')}@${digest}`]);
    await refused(name('team/index:all'), /none of the keys/);
    const kept = join(folder, 'kept.pub');
    copyFileSync(join(folder, 'cosign.pub'), kept);
    copyFileSync(join(folder, 'other.pub'), join(folder, 'cosign.pub'));
    try {
      await daemon.ok('pull', name('team/index:all'));
    } finally {
      copyFileSync(kept, join(folder, 'cosign.pub'));
    }
  });

  /** Puts an index of one image under the tag `all` of its repository; answers its digest. */
  async function makeIndex(image: string, repository: string): Promise<string> {
    const digest = image.split('@')[1];
    const accept = 'Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
    const url = `${registry.url}/v2/${repository}/manifests`;
    const manifest = await must(...host.inside('curl', ['-sf', '-H', accept, `${url}/${digest}`]));
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: (JSON.parse(manifest) as { mediaType: string }).mediaType,
          digest,
          size: Buffer.byteLength(manifest),
          platform: { os: 'linux', architecture: 'amd64' },
        },
      ],
    });
    const type = 'Content-Type: application/vnd.oci.image.index.v1+json';
    const reply = await must(...host.inside('curl', ['-sf', '-D', '-', '-X', 'PUT', '-H', type, '--data-binary', body, `${url}/all`]));
    return /docker-content-digest: (sha256:[0-9a-f]{64})/i.exec(reply)?.[1] ?? '';
  }
});
