import { basename } from 'node:path/posix';
import type { SoftwarePackage } from '../scan.ts';
import { type ZipEntry, zipEntries } from './zip.ts';

const MAX_TEXT = 1024 * 1024;
const MAX_INNER = 128 * 1024 * 1024;
const MAX_DEPTH = 3;

/**
 * Maven packages in a jar, war or ear, and in those inside it: by their pom.properties; by manifest or file name when there is none
 * that fits the archive's own name.
 */
export function javaPackages(archive: Buffer, path: string, depth = 0): SoftwarePackage[] {
  const found: SoftwarePackage[] = [];
  let manifest = '';
  for (const entry of zipEntries(archive)) {
    if (/^META-INF\/maven\/.+\/pom\.properties$/.test(entry.name)) found.push(...fromPom(entry, path));
    else if (entry.name === 'META-INF/MANIFEST.MF') manifest = entry.read(MAX_TEXT).toString('utf8');
    else if (/\.(jar|war)$/.test(entry.name) && depth < MAX_DEPTH)
      found.push(...javaPackages(entry.read(MAX_INNER), `${path}!${entry.name}`, depth + 1));
  }
  const own = found.some((item) => item.path === path);
  return own ? found : [...fromManifest(manifest, path), ...found];
}

function fromPom(entry: ZipEntry, path: string): SoftwarePackage[] {
  const text = entry.read(MAX_TEXT).toString('utf8');
  const value = (key: string): string => new RegExp(`^${key}\\s*=\\s*(.*?)\\s*$`, 'm').exec(text)?.[1] ?? '';
  const [group, artifact, version] = [value('groupId'), value('artifactId'), value('version')];
  return group && artifact && version ? [{ ecosystem: 'maven', name: `${group}:${artifact}`, version, path }] : [];
}

function fromManifest(text: string, path: string): SoftwarePackage[] {
  const joined = text.replace(/\r?\n /g, '');
  const value = (key: string): string => new RegExp(`^${key}:\\s*(.*?)\\s*$`, 'm').exec(joined)?.[1] ?? '';
  const [, fileName = '', fileVersion = ''] = /^(.+?)-(\d[^/]*?)\.(?:jar|war|ear)$/.exec(basename(path.split('!').at(-1) ?? '')) ?? [];
  const version = fileVersion || value('Implementation-Version') || value('Bundle-Version');
  const artifact = fileName || value('Implementation-Title') || value('Bundle-SymbolicName').split(';')[0] || '';
  const group = value('Implementation-Vendor-Id') || value('Bundle-SymbolicName').split(';')[0] || '';
  if (!artifact || !version || /\s/.test(artifact)) return [];
  return [{ ecosystem: 'maven', name: group ? `${group}:${artifact}` : artifact, version, path }];
}
