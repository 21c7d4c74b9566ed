import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Distribution, Finding, Inventory, SoftwarePackage } from '../scan.ts';
import { zip } from '../testing/zip.ts';
import { folderStamp } from './folder.ts';
import { loadAdvisories } from './load.ts';
import { findingsOf, wantedOf } from './match.ts';

const DEBIAN: Distribution = { id: 'debian', versionId: '12', codename: 'bookworm', prettyName: 'Debian' };
const UBUNTU: Distribution = { id: 'ubuntu', versionId: '22.04', codename: 'jammy', prettyName: 'Ubuntu' };
const ALPINE: Distribution = { id: 'alpine', versionId: '3.18.4', codename: '', prettyName: 'Alpine' };

const inventory = (packages: Partial<SoftwarePackage>[], distribution = DEBIAN): Inventory => ({
  imageId: 'sha256:1',
  distribution,
  packages: packages.map((item) => ({ ecosystem: 'npm', name: '', version: '', path: 'x', ...item })),
  unreadable: [],
});

async function withFolder(files: Record<string, unknown>, use: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-advisories-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
    }
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `id severity fixedIn` of what these files say of an inventory. */
async function judged(files: Record<string, unknown>, of: Inventory): Promise<string[]> {
  let found: Finding[] = [];
  await withFolder(files, (folder) => {
    const loaded = loadAdvisories(folder, wantedOf(of));
    assert.ok(loaded);
    assert.deepEqual(loaded.state.unreadable, []);
    found = findingsOf(of, loaded.index);
  });
  return found.map(({ id, severity, fixedIn }) => `${id} ${severity} ${fixedIn ?? 'never'}`);
}

const LODASH = {
  id: 'GHSA-1',
  aliases: ['CVE-2021-1'],
  summary: 'injection',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H' }],
  affected: [
    {
      package: { ecosystem: 'npm', name: 'lodash' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.21' }] }],
    },
  ],
};
const TRACKER = {
  openssl: {
    'CVE-2023-1': { description: 'a', releases: { bookworm: { status: 'resolved', fixed_version: '3.0.9-1', urgency: 'high' } } },
    'CVE-2023-2': {
      description: 'b',
      releases: { bookworm: { status: 'open', urgency: 'low**' }, bullseye: { status: 'open', urgency: 'high' } },
    },
    'CVE-2023-3': { description: 'c', releases: { bookworm: { status: 'resolved', fixed_version: '0', urgency: 'high' } } },
  },
};

/** As security-tracker.debian.org writes it. */
const UNASSIGNED = {
  curl: {
    'CVE-2023-38545': {
      ...{ description: 'This flaw makes curl overflow a heap based buffer', debianbug: 1053909, scope: 'remote' },
      releases: {
        bookworm: {
          status: 'resolved',
          repositories: { bookworm: '7.88.1-10+deb12u12' },
          fixed_version: '7.88.1-10+deb12u4',
          urgency: 'not yet assigned',
        },
        sid: { status: 'resolved', repositories: { sid: '8.14.1-2' }, fixed_version: '8.3.0-3', urgency: 'not yet assigned' },
      },
    },
    'CVE-2023-1': { releases: { bookworm: { status: 'undetermined', repositories: {}, urgency: 'not yet assigned' } } },
  },
};

/** As osv.dev writes records of distributions, with what does not matter here left out. */
const OSV_DEBIAN = {
  ...{ id: 'DEBIAN-CVE-2023-38545', schema_version: '1.7.0', upstream: ['CVE-2023-38545'], details: 'This flaw makes curl overflow' },
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
  affected: [
    {
      package: { ecosystem: 'Debian:12', name: 'curl', purl: 'pkg:deb/debian/curl?arch=source' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '7.88.1-10+deb12u4' }] }],
      versions: ['7.88.1-10', '7.88.1-10+deb12u1'],
      ecosystem_specific: { urgency: 'not yet assigned' },
    },
    {
      package: { ecosystem: 'Debian:13', name: 'curl' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '8.3.0-3' }] }],
    },
  ],
};
const OSV_UBUNTU = {
  ...{ id: 'UBUNTU-CVE-2023-0464', upstream: ['CVE-2023-0464'], details: 'A security vulnerability has been identified' },
  severity: [
    { type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' },
    { type: 'Ubuntu', score: 'low' },
  ],
  affected: [
    {
      package: { ecosystem: 'Ubuntu:22.04:LTS', name: 'openssl' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.0.2-0ubuntu1.9' }] }],
    },
    {
      package: { ecosystem: 'Ubuntu:Pro:22.04:LTS', name: 'openssl' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.0.2-0ubuntu1.9+Fips1' }] }],
    },
  ],
};
const OSV_ALPINE = {
  ...{ id: 'CVE-2023-2650', details: 'Processing some specially crafted ASN.1' },
  affected: ['v3.17', 'v3.18'].map((release) => ({
    package: { ecosystem: `Alpine:${release}`, name: 'openssl' },
    ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: release === 'v3.18' ? '3.1.1-r0' : '3.0.9-r0' }] }],
  })),
};
/** As secdb.alpinelinux.org writes it. */
const SECDB = {
  ...{ apkurl: '{{urlprefix}}/{{distroversion}}/{{reponame}}/{{arch}}/{{pkg.name}}-{{pkg.ver}}.apk', archs: ['x86_64'], reponame: 'main' },
  ...{ urlprefix: 'https://dl-cdn.alpinelinux.org/alpine', distroversion: 'v3.18' },
  packages: [
    {
      pkg: {
        name: 'openssl',
        secfixes: { '0': ['CVE-2022-3358'], '3.1.1-r0': ['CVE-2023-2650'], '3.1.4-r0': ['CVE-2023-5363 GHSA-xxxx', 'CVE-2023-9'] },
      },
    },
  ],
};
const LIBCRYPTO = { ecosystem: 'apk' as const, name: 'libcrypto3', version: '3.1.0-r4', source: { name: 'openssl', version: '3.1.0-r4' } };

suite('advisories', () => {
  test('a package in an affected range is found with the version that mends it; a newer one is not', async () => {
    const of = inventory([
      { name: 'lodash', version: '4.17.20' },
      { name: 'lodash', version: '4.17.21' },
    ]);
    assert.deepEqual(await judged({ 'npm/GHSA-1.json': LODASH }, of), ['CVE-2021-1 high 4.17.21']);
  });

  test('CVSS 4 counts before CVSS 3, and the word of the record where there is no vector', async () => {
    const of = inventory([{ name: 'lodash', version: '1.0.0' }]);
    const fourth = { type: 'CVSS_V4', score: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N' };
    const severities = async (over: object) => (await judged({ 'a.json': { ...LODASH, ...over } }, of))[0]?.split(' ')[1];
    assert.equal(await severities({ severity: [...LODASH.severity, fourth] }), 'critical');
    assert.equal(await severities({ severity: [fourth] }), 'critical');
    assert.equal(await severities({ severity: [], database_specific: { severity: 'MODERATE' } }), 'medium');
    assert.equal(await severities({ severity: [{ type: 'CVSS_V3', score: 'nonsense' }] }), 'unknown');
  });

  test("Debian's tracker counts for the image's release, by source package", async () => {
    const libssl = { ecosystem: 'deb' as const, name: 'libssl3', source: { name: 'openssl', version: '3.0.8-1' }, version: '3.0.8-1' };
    assert.deepEqual(await judged({ 'debian.json': TRACKER }, inventory([libssl])), ['CVE-2023-1 high 3.0.9-1', 'CVE-2023-2 low never']);
    assert.deepEqual(await judged({ 'debian.json': TRACKER }, inventory([libssl], UBUNTU)), []);
  });

  test('what the tracker does not rate is rated by OSV, and both are one finding', async () => {
    const curl = { ecosystem: 'deb' as const, name: 'libcurl4', version: '7.88.1-10', source: { name: 'curl', version: '7.88.1-10' } };
    const mended = { ...curl, source: { name: 'curl', version: '7.88.1-10+deb12u5' } };
    assert.deepEqual(await judged({ 'tracker.json': UNASSIGNED }, inventory([curl])), ['CVE-2023-38545 unknown 7.88.1-10+deb12u4']);
    const both = { 'tracker.json': UNASSIGNED, 'osv.json': OSV_DEBIAN };
    assert.deepEqual(await judged(both, inventory([curl])), ['CVE-2023-38545 critical 7.88.1-10+deb12u4']);
    assert.deepEqual(await judged(both, inventory([mended])), []);
    const unimportant = structuredClone(OSV_DEBIAN);
    Object.assign(unimportant.affected[0] ?? {}, { ecosystem_specific: { urgency: 'unimportant' } });
    assert.deepEqual(await judged({ 'osv.json': unimportant }, inventory([curl])), ['CVE-2023-38545 negligible 7.88.1-10+deb12u4']);
  });

  test("Ubuntu's records count by Ubuntu's priority, and those for subscribers do not", async () => {
    const openssl = (version: string) => inventory([{ ecosystem: 'deb', name: 'openssl', version }], UBUNTU);
    assert.deepEqual(await judged({ 'u.json': OSV_UBUNTU }, openssl('3.0.2-0ubuntu1.8')), ['CVE-2023-0464 low 3.0.2-0ubuntu1.9']);
    assert.deepEqual(await judged({ 'u.json': OSV_UBUNTU }, openssl('3.0.2-0ubuntu1.9')), []);
    assert.deepEqual(await judged({ 'u.json': OSV_UBUNTU }, { ...openssl('1.0'), distribution: { ...UBUNTU, versionId: '24.04' } }), []);
    assert.deepEqual(await judged({ 'u.json': OSV_UBUNTU }, { ...openssl('1.0'), distribution: DEBIAN }), []);
  });

  test("Alpine's packages are judged by OSV and by Alpine's own database, for their release", async () => {
    assert.deepEqual(await judged({ 'a.json': OSV_ALPINE }, inventory([LIBCRYPTO], ALPINE)), ['CVE-2023-2650 unknown 3.1.1-r0']);
    const all = ['CVE-2023-2650 unknown 3.1.1-r0', 'CVE-2023-5363 unknown 3.1.4-r0', 'CVE-2023-9 unknown 3.1.4-r0'];
    assert.deepEqual(await judged({ 'v3.18/main.json': SECDB }, inventory([LIBCRYPTO], ALPINE)), all);
    assert.deepEqual(await judged({ 'v3.18/main.json': SECDB }, inventory([LIBCRYPTO], { ...ALPINE, versionId: '3.19.0' })), []);
    const edge = { ...ALPINE, versionId: '3.22_alpha20250108' };
    assert.deepEqual(await judged({ 'edge.json': { ...SECDB, distroversion: 'edge' } }, inventory([LIBCRYPTO], edge)), all);
  });

  const others: [ecosystem: SoftwarePackage['ecosystem'], osv: string, name: string, fixed: string, affected: string, mended: string][] = [
    ['pypi', 'PyPI', 'Django', '3.2.4', '3.2rc1', '3.2.4'],
    ['golang', 'Go', 'golang.org/x/net', '0.7.0', 'v0.6.1-0.20230101000000-000000000000', 'v0.7.0'],
    ['golang', 'Go', 'stdlib', '1.21.0-rc.4', '1.21rc3', '1.21.0'],
    ['maven', 'Maven', 'org.apache.logging.log4j:log4j-core', '2.15.0', '2.14.1', '2.15.0'],
    ['npm', 'npm', '@a/b', '2.0.0', '2.0.0-beta.1', '2.0.0'],
  ];
  for (const [ecosystem, osv, name, fixed, affected, mended] of others)
    test(`${osv}: ${name} ${affected} is affected, ${mended} is not`, async () => {
      const events = [{ introduced: '0' }, { fixed }];
      const record = { id: 'GHSA-2', affected: [{ package: { ecosystem: osv, name }, ranges: [{ type: 'ECOSYSTEM', events }] }] };
      assert.deepEqual(await judged({ 'r.json': record }, inventory([{ ecosystem, name, version: affected }])), [
        `GHSA-2 unknown ${fixed}`,
      ]);
      assert.deepEqual(await judged({ 'r.json': record }, inventory([{ ecosystem, name, version: mended }])), []);
    });

  test('names and versions that Python takes for the same are the same', async () => {
    const record = { id: 'PYSEC-1', affected: [{ package: { ecosystem: 'PyPI', name: 'my-thing' }, versions: ['1.0', '2.0'] }] };
    assert.deepEqual(await judged({ 'r.json': record }, inventory([{ ecosystem: 'pypi', name: 'My_Thing', version: '1.0.0' }])), [
      'PYSEC-1 unknown never',
    ]);
  });

  test("osv.dev's zip files are read as they are", async () => {
    const of = inventory([{ name: 'lodash', version: '4.17.20' }]);
    for (const options of [{ deflated: true }, { large: true, deflated: true }]) {
      const file = zip({ 'GHSA-1.json': JSON.stringify(LODASH), 'DEB.json': JSON.stringify(OSV_DEBIAN), 'README.txt': 'no' }, options);
      assert.deepEqual(await judged({ 'npm/all.zip': file }, of), ['CVE-2021-1 high 4.17.21']);
    }
  });

  test('a withdrawn record says nothing, and what is no advisory is told', () =>
    withFolder(
      {
        'a.json': { ...LODASH, withdrawn: '2024-01-01T00:00:00Z' },
        ...{ 'b.json': '{"x":1}', 'c.json': '{', 'd.zip': 'no zip', 'e.zip': zip({ 'f.json': '{' }) },
      },
      (folder) => {
        const of = inventory([{ name: 'lodash', version: '1.0.0' }]);
        const loaded = loadAdvisories(folder, wantedOf(of));
        assert.ok(loaded);
        assert.deepEqual(findingsOf(of, loaded.index), []);
        const told = loaded.state.unreadable.map(({ path }) => path.slice(folder.length + 1));
        assert.deepEqual(told, ['b.json', 'c.json', 'd.zip', 'e.zip!f.json']);
      },
    ));

  test('an empty or missing folder is no data at all; any change of a file counts', () =>
    withFolder({}, async (folder) => {
      assert.equal(loadAdvisories(folder, new Set()), undefined);
      assert.equal(loadAdvisories(join(folder, 'absent'), new Set()), undefined);
      assert.equal(await folderStamp(join(folder, 'absent')), '');
      assert.equal(await folderStamp(folder), '');
      writeFileSync(join(folder, 'a.json'), '{}');
      const first = await folderStamp(folder);
      writeFileSync(join(folder, 'a.json'), '{} ');
      assert.notEqual(await folderStamp(folder), first);
    }));
});
