import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Inventory, SoftwarePackage } from '../scan.ts';
import { baseScore, severityOfScore } from './cvss.ts';
import { loadAdvisories } from './load.ts';
import { countFindings, findingsOf } from './match.ts';

const inventory = (packages: Partial<SoftwarePackage>[]): Inventory => ({
  imageId: 'sha256:1',
  distribution: { id: 'debian', versionId: '12', codename: 'bookworm', prettyName: 'Debian' },
  packages: packages.map((item) => ({ ecosystem: 'npm', name: '', version: '', path: 'x', ...item })),
  unreadable: [],
});

function withFolder(files: Record<string, unknown>, use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-advisories-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
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

suite('advisories', () => {
  test('a package in an affected range is found with the version that mends it; a newer one is not', () => {
    withFolder({ 'npm/GHSA-1.json': LODASH }, (folder) => {
      const loaded = loadAdvisories(folder);
      assert.ok(loaded);
      const found = findingsOf(
        inventory([
          { name: 'lodash', version: '4.17.20' },
          { name: 'lodash', version: '4.17.21' },
        ]),
        loaded.index,
      );
      assert.deepEqual(
        found.map(({ id, severity, fixedIn, package: p }) => [id, severity, fixedIn, p.version]),
        [['CVE-2021-1', 'high', '4.17.21', '4.17.20']],
      );
      assert.equal(countFindings(found).high, 1);
    });
  });

  test("Debian's tracker counts for the image's release, by source package", () => {
    withFolder({ 'debian.json': TRACKER }, (folder) => {
      const loaded = loadAdvisories(folder);
      assert.ok(loaded);
      assert.equal(loaded.state.debian, 3);
      const libssl = { ecosystem: 'deb' as const, name: 'libssl3', source: { name: 'openssl', version: '3.0.8-1' }, version: '3.0.8-1' };
      assert.deepEqual(
        findingsOf(inventory([libssl]), loaded.index).map(({ id, severity, fixedIn }) => [id, severity, fixedIn]),
        [
          ['CVE-2023-1', 'high', '3.0.9-1'],
          ['CVE-2023-2', 'low', undefined],
        ],
      );
    });
  });

  test('a withdrawn record says nothing, and a file that is no advisory is told', () => {
    withFolder({ 'a.json': { ...LODASH, withdrawn: '2024-01-01T00:00:00Z' }, 'b.json': '{"x":1}', 'c.json': '{' }, (folder) => {
      const loaded = loadAdvisories(folder);
      assert.ok(loaded);
      assert.deepEqual(findingsOf(inventory([{ name: 'lodash', version: '1.0.0' }]), loaded.index), []);
      assert.deepEqual(
        loaded.state.unreadable.map(({ path }) => path.slice(-6)),
        ['b.json', 'c.json'],
      );
    });
  });

  test('an empty or missing folder is no data at all', () => {
    withFolder({}, (folder) => {
      assert.equal(loadAdvisories(folder), undefined);
      assert.equal(loadAdvisories(join(folder, 'absent')), undefined);
    });
  });

  test('base scores are those of the specification', () => {
    for (const [vector, score, word] of [
      ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8, 'critical'],
      ['CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1, 'medium'],
      ['CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', 7.8, 'high'],
      ['CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H', 9, 'critical'],
      ['CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N', 1.6, 'low'],
    ] as const) {
      assert.equal(baseScore(vector), score, vector);
      assert.equal(severityOfScore(score), word);
    }
    assert.equal(baseScore('CVSS:2.0/AV:N'), undefined);
    assert.equal(baseScore('CVSS:3.1/AV:X'), undefined);
  });
});
