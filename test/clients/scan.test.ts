// What an image holds, what is known of it, and a policy that keeps it from being run.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PROJECT, run, startDaemon, type TestDaemon } from '../support/index.ts';

const GANTRY = join(PROJECT, 'bin/gantry');
const TRACKER = {
  bash: {
    'CVE-2099-1': { description: 'made up', releases: { bookworm: { status: 'resolved', fixed_version: '99:1', urgency: 'high' } } },
  },
};

suite('scans', () => {
  let daemon: TestDaemon;
  let folder: string;
  const advisories = () => join(folder, 'advisories', 'debian.json');
  const gantry = (...args: string[]) =>
    run(GANTRY, ['-H', `unix://${daemon.socket}`, ...args], { env: { ...process.env, DOCKER_CONFIG: folder } });
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-scan-'));
    mkdirSync(join(folder, 'advisories'));
    writeFileSync(join(folder, 'policy.json'), '{"run":"high"}');
    daemon = await startDaemon({
      images: ['busybox', 'debian'],
      flags: ['--advisories', join(folder, 'advisories'), '--scan-policy', join(folder, 'policy.json')],
    });
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
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
    const refused = await daemon.docker('run', '--rm', 'gantry/debian:12', 'true');
    assert.match(refused.stderr, /refuses to run gantry\/debian:12: 1 findings of severity high or worse: CVE-2099-1 in bash/);
    assert.equal(await daemon.ok('run', '--rm', 'gantry/busybox', 'echo', 'fine'), 'fine');
    assert.equal(await daemon.ok('ps', '-aq'), '');
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
