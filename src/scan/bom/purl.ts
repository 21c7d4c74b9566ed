import type { Distribution, SoftwarePackage } from '../scan.ts';

/** A package as a URL (package-url specification, purl). */
export function packageUrl(item: SoftwarePackage, distribution: Distribution): string {
  const version = encodeURIComponent(item.version).replaceAll('%3A', ':');
  const qualifiers = new URLSearchParams();
  if (item.architecture) qualifiers.set('arch', item.architecture);
  if (isOfSystem(item) && distribution.id) qualifiers.set('distro', `${distribution.id}-${distribution.versionId}`);
  const tail = qualifiers.size === 0 ? '' : `?${qualifiers}`;
  return `pkg:${item.ecosystem}/${path(item, distribution)}@${version}${tail}`;
}

const isOfSystem = ({ ecosystem }: SoftwarePackage): boolean => ecosystem === 'deb' || ecosystem === 'apk';

function path(item: SoftwarePackage, { id }: Distribution): string {
  const encode = (text: string): string => text.split('/').map(encodeURIComponent).join('/');
  if (isOfSystem(item)) return `${encode(id || (item.ecosystem === 'deb' ? 'debian' : 'alpine'))}/${encode(item.name)}`;
  if (item.ecosystem === 'maven') return encode(item.name.replace(':', '/'));
  if (item.ecosystem === 'pypi') return encode(item.name.toLowerCase().replaceAll('_', '-'));
  return encode(item.name);
}
