import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bytesOf } from '../archive/zip.ts';
import { zip } from '../testing/zip.ts';
import { javaPackages } from './java.ts';

const LIMITS = { unpacked: 100_000, inner: 50_000, archives: 10, packages: 5 };
const pom = (artifact: string) => `#made\ngroupId = org.x\nartifactId=${artifact}\r\nversion=1\n`;
const names = (jar: Buffer, path = 'a.jar') => javaPackages(bytesOf(jar), path, LIMITS).map(({ name, version }) => `${name} ${version}`);

suite('jars', () => {
  test('packages are read from packed archives, and from those of zip64', () => {
    const entries = { 'META-INF/maven/org.x/y/pom.properties': pom('y') };
    for (const options of [{}, { deflated: true }, { large: true, deflated: true }])
      assert.deepEqual(names(zip(entries, options)), ['org.x:y 1']);
  });

  test('without pom.properties the file name or the manifest tells', () => {
    assert.deepEqual(names(zip({ 'META-INF/MANIFEST.MF': 'Bundle-SymbolicName: org.a.b;singleton\r\n' }), 'srv/b-2.1.jar'), [
      'org.a.b:b 2.1',
    ]);
    assert.deepEqual(names(zip({ 'META-INF/MANIFEST.MF': 'Implementation-Title: long na\r\n me\r\nImplementation-Version: 1\r\n' })), []);
    assert.deepEqual(names(zip({})), []);
  });

  const deep = (levels: number): Buffer =>
    levels === 0 ? zip({ 'META-INF/maven/org.x/y/pom.properties': pom('y') }) : zip({ 'in.jar': deep(levels - 1) });
  test('archives are opened three levels deep', () => {
    assert.deepEqual(names(deep(3)), ['org.x:y 1']);
    assert.deepEqual(names(deep(4)), []);
  });

  const poms = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`META-INF/maven/org.x/a${i}/pom.properties`, pom(`a${i}`)]));
  const movedDirectory = (jar: Buffer): Buffer => jar.fill(1, jar.length - 6, jar.length - 4);
  const endless: [what: string, jar: Buffer, message: RegExp][] = [
    ['one large archive inside', zip({ 'a.jar': Buffer.alloc(50_001) }, { deflated: true }), /"a.jar" has more than 50000 bytes/],
    [
      'many archives inside that are large together',
      zip({ 'a.jar': Buffer.alloc(40_000), 'b.jar': Buffer.alloc(40_000), 'c.jar': Buffer.alloc(40_000) }),
      /more than 100000 bytes inside/,
    ],
    [
      'many archives inside',
      zip(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`${i}.jar`, '']))),
      /more than 10 archives inside/,
    ],
    ['many packages', zip(poms(6)), /more than 5 packages inside/],
    ['an archive of a long name', zip({ [`${'x'.repeat(5000)}.jar`]: '' }), /more than 4096 characters/],
    ['damage', zip(poms(1), { deflated: true }).fill(0xff, 68, 70), /is damaged|packed by a method/],
    ['a directory that lies elsewhere', movedDirectory(zip(poms(2))), /central directory is damaged/],
  ];
  for (const [what, jar, message] of endless)
    test(`a jar with ${what} is refused by what it is`, () => assert.throws(() => names(jar), message));

  test('long lines of spaces take no time', () => {
    const text = `groupId=${' '.repeat(900_000)}x`;
    const begun = performance.now();
    javaPackages(
      bytesOf(zip({ 'META-INF/MANIFEST.MF': text.replace('groupId=', 'Bundle-Version:'), 'META-INF/maven/a/b/pom.properties': text })),
      'a.jar',
    );
    assert.ok(performance.now() - begun < 2000);
  });
});
