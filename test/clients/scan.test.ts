// What an image holds, what is known of it, and a policy that keeps it from being run and pulled.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startGantryRegistry, type TestGantryRegistry } from '../support/gantry-registry.ts';
import { must, PROJECT, run, startDaemon, startRegistry, startTestHost, type TestDaemon, type TestHost } from '../support/index.ts';

const GANTRY = join(PROJECT, 'bin/gantry');
const ACCEPT = 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/json';
const TRACKER = {
  bash: {
    'CVE-2099-1': { description: 'made up', releases: { bookworm: { status: 'resolved', fixed_version: '99:1', urgency: 'high' } } },
    'CVE-2099-2': { description: 'made up', releases: { bookworm: { status: 'open', urgency: 'high' } } },
    'CVE-2099-3': { description: 'made up', releases: { bookworm: { status: 'open', urgency: 'low' } } },
  },
};

suite('scans', () => {
  let host: TestHost;
  let registry: TestGantryRegistry;
  let daemon: TestDaemon;
  let folder: string;
  const advisories = () => join(folder, 'advisories', 'debian.json');
  const gantry = (...args: string[]) =>
    run(GANTRY, ['-H', `unix://${daemon.socket}`, ...args], { env: { ...process.env, DOCKER_CONFIG: folder } });
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-scan-'));
    mkdirSync(join(folder, 'advisories'));
    const ignored = { id: 'CVE-2099-2', reason: 'not reached', until: '2099-12-31' };
    writeFileSync(join(folder, 'policy.json'), JSON.stringify({ run: 'high', pull: 'high', ignore: [ignored] }));
    host = await startTestHost();
    registry = await startGantryRegistry({ host });
    daemon = await startDaemon({
      host,
      images: ['busybox', 'debian'],
      flags: ['--advisories', join(folder, 'advisories'), '--scan-policy', join(folder, 'policy.json')],
    });
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('without advisory data the report says so, and nothing is run under a policy', async () => {
    const { stdout } = await gantry('scan', 'gantry/debian:12');
    assert.match(stdout, /Debian GNU\/Linux 12 \(bookworm\), \d+ packages/);
    assert.match(stdout, /No advisory data loaded/);
    assert.match((await daemon.docker('run', '--rm', 'gantry/busybox', 'true')).stderr, /no advisory data is loaded/);
  });

  test('with it, weak images are refused by what was found, and others run', async () => {
    writeFileSync(advisories(), JSON.stringify(TRACKER));
    const judged = await gantry('scan', '--fail-on', 'high', 'gantry/debian:12');
    assert.match(judged.stdout, /high +CVE-2099-1 +bash +\S+ +99:1/);
    assert.equal(judged.status, 2);
    assert.match(judged.stdout, /Found: 1 high, 1 low; 1 ignored by the policy/);
    assert.doesNotMatch(judged.stdout, /CVE-2099-2/);
    const every = await gantry('scan', '--ignored', '--severity', 'high', 'gantry/debian:12');
    assert.match(every.stdout, /CVE-2099-2 +bash +\S+ +not mended yet +ignored until 2099-12-31: not reached/);
    assert.doesNotMatch(every.stdout, /CVE-2099-3/);
    assert.equal((await gantry('scan', '--severity', 'low', '--fixable', '--fail-on', 'critical', 'gantry/debian:12')).status, 0);
    await daemon.ok('tag', 'gantry/debian:12', 'another/name:1');
    const refused = await daemon.docker('run', '--rm', 'gantry/debian:12', 'true');
    await daemon.ok('rmi', 'another/name:1');
    assert.match(refused.stderr, /refuses to run gantry\/debian:12: 1 finding of severity high or worse: CVE-2099-1 in bash/);
    assert.equal(await daemon.ok('run', '--rm', 'gantry/busybox', 'echo', 'fine'), 'fine');
    assert.equal(await daemon.ok('ps', '-aq'), '');
  });

  test('a weak image is not pulled: nothing of it is to be seen or stays, and the one that is here is kept', async () => {
    const name = `${registry.address}/team/debian:12`;
    await daemon.ok('tag', 'gantry/debian:12', name);
    await daemon.ok('push', name);
    await daemon.ok('rmi', name, 'gantry/debian:12');
    const layers = join(daemon.root, 'data/layers');
    const before = readdirSync(layers, { recursive: true }).length;
    const pulled = await daemon.docker('pull', name);
    assert.match(pulled.stderr, /the scan policy refuses to pull \S+\/team\/debian:12: 1 finding of severity high or worse: CVE-2099-1/);
    assert.match((await daemon.docker('image', 'inspect', name)).stderr, /No such image/);
    assert.equal(readdirSync(layers, { recursive: true }).length, before);
    const built = await daemon.dockerWith({ input: `FROM ${name}\n`, env: { DOCKER_BUILDKIT: '0' } }, 'build', '-');
    assert.match(built.stdout + built.stderr, /the scan policy refuses to pull/);
    const fine = `${registry.address}/team/busybox:1`;
    await daemon.ok('tag', 'gantry/busybox', fine);
    await daemon.ok('push', fine);
    await daemon.ok('rmi', fine, 'gantry/busybox');
    assert.equal(await daemon.ok('run', '--rm', fine, 'echo', 'fine'), 'fine');
    await daemon.load('busybox', 'debian');
  });

  test('a bill of materials is kept with the image at a registry, with the referrers API and without', async () => {
    await using peer = await startRegistry(host, 5004);
    const get = async (url: string) => JSON.parse(await must(...host.inside('curl', ['-sfL', '-H', ACCEPT, url])));
    for (const [address, list] of [
      [registry.address, (digest: string) => `referrers/${digest}`],
      [peer.address, (digest: string) => `manifests/${digest.replace(':', '-')}`],
    ] as const) {
      const name = `${address}/team/attached:1`;
      await daemon.ok('tag', 'gantry/debian:12', name);
      await daemon.ok('push', name);
      for (const format of ['cyclonedx', 'spdx']) {
        const attached = await gantry('scan', '--attach', '--format', format, name);
        assert.match(attached.stdout, /^Attached sha256:\w{64} to sha256:\w{64}\n$/, attached.stderr);
        const [digest = '', subject = ''] = attached.stdout.match(/sha256:\w{64}/g) ?? [];
        const repository = `http://${address}/v2/team/attached`;
        const { manifests } = await get(`${repository}/${list(subject)}`);
        const entry = manifests.find((one: { digest: string }) => one.digest === digest);
        assert.match(entry.artifactType, new RegExp(format));
        const { layers } = await get(`${repository}/manifests/${digest}`);
        assert.match(JSON.stringify(await get(`${repository}/blobs/${layers[0].digest}`)), /pkg:deb\/debian\/bash@/);
      }
      await daemon.ok('tag', 'gantry/busybox', name);
      assert.match((await gantry('scan', '--attach', name)).stderr, /another image under \S+\/team\/attached:1 than this engine/);
      await daemon.ok('rmi', name);
    }
  });

  test('bills of materials name each package by its URL', async () => {
    const cyclonedx = JSON.parse((await gantry('scan', '--format', 'cyclonedx', 'gantry/debian:12')).stdout);
    assert.equal(cyclonedx.bomFormat, 'CycloneDX');
    const bash = cyclonedx.components.find(({ name }: { name: string }) => name === 'bash');
    assert.match(bash.purl, /^pkg:deb\/debian\/bash@5\.\S+\?arch=amd64&distro=debian-12$/);
    const spdx = JSON.parse((await gantry('scan', '--format', 'spdx', 'gantry/debian:12')).stdout);
    assert.equal(spdx.spdxVersion, 'SPDX-2.3');
    assert.equal(spdx.packages.length, cyclonedx.components.length);
  });
});
