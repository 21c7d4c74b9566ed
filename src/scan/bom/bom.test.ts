import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { Inventory } from '../scan.ts';
import { cycloneDx } from './cyclonedx.ts';
import { spdx } from './spdx.ts';

const ABOUT = {
  name: 'registry.example.org/team/app:1',
  timestamp: '2026-01-02T03:04:05.678Z',
  serial: '3e671687-395b-41f5-a30f-a58921a69b79',
  version: '0.1.0',
};
const INVENTORY: Inventory = {
  imageId: `sha256:${'a'.repeat(64)}`,
  distribution: { id: 'debian', versionId: '12', codename: 'bookworm', prettyName: 'Debian GNU/Linux 12 (bookworm)' },
  packages: [
    {
      ...{ ecosystem: 'deb', name: 'libstdc++6', version: '1:12.2.0-14+deb12u1', architecture: 'amd64', path: 'var/lib/dpkg/status' },
      source: { name: 'gcc-12', version: '12.2.0-14' },
    },
    { ecosystem: 'npm', name: '@a/b', version: '1.2.3', license: 'MIT', path: 'app/node_modules/@a/b/package.json' },
    { ecosystem: 'npm', name: '__proto__', version: '0', license: 'SEE LICENSE IN "x"', path: 'ä/ö.json' },
    { ecosystem: 'maven', name: 'org.x:y', version: '2.14.1', path: 'srv/app.war!WEB-INF/lib/y.jar' },
    { ecosystem: 'golang', name: 'example.org/a/b', version: 'v1.0.0', path: 'usr/bin/a' },
    { ecosystem: 'pypi', name: 'Flask_Thing', version: '2.2.2', path: 'x' },
    { ecosystem: 'apk', name: 'musl', version: '1.2.3-r4', license: 'GPL-2.0-only AND MIT', path: 'lib/apk/db/installed' },
  ],
  unreadable: [],
};

/** The schemas that CycloneDX's own library ships. */
function cycloneDxSchema() {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')), 'res/schema');
  const read = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: true });
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs']) {
    const { $id, ...schema } = read(name);
    ajv.addSchema(schema, `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  // Built for require(): its types tell the module, not what it holds.
  (formats as unknown as (ajv: Ajv) => void)(ajv);
  for (const format of ['iri-reference', 'idn-email']) ajv.addFormat(format, true);
  return ajv.compile(read('bom-1.6'));
}

suite('bills of materials', () => {
  test("CycloneDX's is one by the schema of version 1.6", () => {
    const validate = cycloneDxSchema();
    const empty = { ...INVENTORY, packages: [], distribution: { id: '', versionId: '', codename: '', prettyName: '' } };
    for (const inventory of [INVENTORY, empty]) {
      validate(JSON.parse(JSON.stringify(cycloneDx(inventory, ABOUT))));
      assert.deepEqual(validate.errors, null);
    }
  });

  test("SPDX's names each element once, and relates each package to the image", () => {
    const document = spdx(INVENTORY, ABOUT) as unknown as {
      packages: { SPDXID: string; licenseDeclared: string }[];
      relationships: { relatedSpdxElement: string }[];
    };
    const ids = document.packages.map(({ SPDXID }) => SPDXID);
    assert.equal(new Set(ids).size, INVENTORY.packages.length + 1);
    assert.deepEqual(
      document.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement),
      ids,
    );
    for (const id of ids) assert.match(id, /^SPDXRef-[a-zA-Z0-9.-]+$/);
  });
});
