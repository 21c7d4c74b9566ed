import type { SoftwarePackage } from '../scan.ts';

/** The package.json of an installed npm package; those of no name or version are parts of one. */
export function parseNpmPackage(text: string, path: string): SoftwarePackage[] {
  const { name, version, license } = JSON.parse(text) as Record<string, unknown>;
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '') return [];
  return [{ ecosystem: 'npm', name, version, path, ...(typeof license === 'string' ? { license } : {}) }];
}

/** METADATA of a wheel or PKG-INFO of an egg: headers up to the first empty line (core metadata specification). */
export function parsePythonMetadata(text: string, path: string): SoftwarePackage[] {
  const [head = ''] = text.split(/\r?\n\r?\n/, 1);
  const field = (key: string): string => new RegExp(`^${key}:[ \\t]*(.*)$`, 'mi').exec(head)?.[1]?.trim() ?? '';
  const [name, version, license] = [field('Name'), field('Version'), field('License')];
  if (name === '' || version === '') return [];
  return [{ ecosystem: 'pypi', name, version, path, ...(license === '' || license === 'UNKNOWN' ? {} : { license }) }];
}
