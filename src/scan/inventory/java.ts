import { basename } from 'node:path/posix';
import { type Bytes, bytesOf, type ZipEntry, zipEntries } from '../archive/zip.ts';
import type { SoftwarePackage } from '../scan.ts';

const MAX_TEXT = 1024 * 1024;
const MAX_DEPTH = 3;
const MAX_PATH = 4096;

/** What one outer archive may hold: entries may share their data, and be bombs. */
export interface JavaLimits {
  /** Bytes that are unpacked in all, and of one archive inside. */
  unpacked: number;
  inner: number;
  /** Archives inside, at any depth. */
  archives: number;
  packages: number;
}

const LIMITS: JavaLimits = { unpacked: 1024 ** 3, inner: 128 * 1024 ** 2, archives: 5000, packages: 20_000 };

/**
 * Maven packages in a jar, war or ear, and in those inside it: by their pom.properties; by manifest or file name when there is none
 * that fits the archive's own name. Fails, and says of what there is too much, for archives that are made to be endless.
 */
export function javaPackages(archive: Bytes, path: string, limits = LIMITS): SoftwarePackage[] {
  return new JarReader(limits).packagesOf(archive, path, 0);
}

class JarReader {
  readonly #limits: JavaLimits;
  #unpacked = 0;
  #archives = 0;
  #packages = 0;

  constructor(limits: JavaLimits) {
    this.#limits = limits;
  }

  packagesOf(archive: Bytes, path: string, depth: number): SoftwarePackage[] {
    this.#archives = this.#grown('archives', this.#archives + 1);
    if (path.length > MAX_PATH) throw new Error(`it has an archive inside whose name has more than ${MAX_PATH} characters`);
    const found: SoftwarePackage[] = [];
    let manifest = '';
    for (const entry of zipEntries(archive)) {
      if (/^META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/.test(entry.name)) {
        this.#packages = this.#grown('packages', this.#packages + 1);
        found.push(...fromPom(this.#unpack(entry, MAX_TEXT), path));
      } else if (entry.name === 'META-INF/MANIFEST.MF') manifest = this.#unpack(entry, MAX_TEXT).toString('utf8');
      else if (/\.(jar|war)$/.test(entry.name) && depth < MAX_DEPTH)
        found.push(...this.packagesOf(bytesOf(this.#unpack(entry, this.#limits.inner)), `${path}!${entry.name}`, depth + 1));
    }
    const own = found.some((item) => item.path === path);
    return own ? found : [...fromManifest(manifest, path), ...found];
  }

  #unpack(entry: ZipEntry, limit: number): Buffer {
    const data = entry.read(limit);
    this.#unpacked = this.#grown('unpacked', this.#unpacked + data.length);
    return data;
  }

  #grown(what: 'unpacked' | 'archives' | 'packages', count: number): number {
    if (count <= this.#limits[what]) return count;
    throw new Error(`it has more than ${this.#limits[what]} ${what === 'unpacked' ? 'bytes' : what} inside`);
  }
}

function fromPom(data: Buffer, path: string): SoftwarePackage[] {
  const value = fieldsOf(data.toString('utf8'), '=');
  const [group, artifact, version] = [value('groupId'), value('artifactId'), value('version')];
  return group && artifact && version ? [{ ecosystem: 'maven', name: `${group}:${artifact}`, version, path }] : [];
}

function fromManifest(text: string, path: string): SoftwarePackage[] {
  const value = fieldsOf(text.replace(/\r?\n /g, ''), ':');
  const [, fileName = '', fileVersion = ''] = /^(.+?)-(\d[^/]*?)\.(?:jar|war|ear)$/.exec(basename(path.split('!').at(-1) ?? '')) ?? [];
  const bundle = value('Bundle-SymbolicName').split(';')[0] ?? '';
  const version = fileVersion || value('Implementation-Version') || value('Bundle-Version');
  const artifact = fileName || value('Implementation-Title') || bundle;
  const group = value('Implementation-Vendor-Id') || bundle;
  if (!artifact || !version || /\s/.test(artifact)) return [];
  return [{ ecosystem: 'maven', name: group ? `${group}:${artifact}` : artifact, version, path }];
}

/** Looks up the first line `key SEPARATOR value`; '' when there is none. */
function fieldsOf(text: string, separator: string): (key: string) => string {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf(separator);
    const key = line.slice(0, Math.max(0, at)).trim();
    if (key !== '' && !fields.has(key)) fields.set(key, line.slice(at + 1).trim());
  }
  return (key) => fields.get(key) ?? '';
}
