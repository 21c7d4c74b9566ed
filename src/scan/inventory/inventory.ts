import type { Distribution, Inventory, SoftwarePackage } from '../scan.ts';
import { parseOsRelease, UNKNOWN_DISTRIBUTION } from './distribution.ts';
import { goModules } from './go.ts';
import { javaPackages } from './java.ts';
import { parseNpmPackage, parsePythonMetadata } from './language-packages.ts';
import { parseApkInstalled, parseDpkgStatus } from './system-packages.ts';
import { filesBelow, type ImageFile, readPiece } from './walk.ts';

const MAX_TEXT = 64 * 1024 * 1024;
const MAX_JAR = 512 * 1024 * 1024;
const ELF = 0x7f454c46;

interface Kind {
  matches(path: string): boolean;
  read(file: ImageFile): SoftwarePackage[];
}

const text = (parse: (content: string, path: string) => SoftwarePackage[]) => (file: ImageFile) =>
  parse(file.read(MAX_TEXT).toString('utf8'), file.path);

/** Where packages leave their traces. The first kind that matches a path reads it. */
const KINDS: readonly Kind[] = [
  {
    matches: (path) => path === 'var/lib/dpkg/status' || /^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/.test(path),
    read: text(parseDpkgStatus),
  },
  { matches: (path) => /^(usr\/)?lib\/apk\/db\/installed$/.test(path), read: text(parseApkInstalled) },
  // A package's own file, not one that it ships for tests.
  { matches: (path) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path), read: text(parseNpmPackage) },
  { matches: (path) => /\.(dist-info\/METADATA|egg-info\/PKG-INFO|egg-info)$/.test(path), read: text(parsePythonMetadata) },
  { matches: (path) => /\.(jar|war|ear)$/.test(path), read: (file) => javaPackages(file.read(MAX_JAR), file.path) },
  {
    matches: (path) => !/\.(so|o|a|ko|py|js|json|html|txt|gz|png|mo)(\.[\d.]+)?$/.test(path),
    read: (file) => (isElf(file) ? goModules(file) : []),
  },
];

const isElf = (file: ImageFile): boolean => file.open((fd, size) => size > 64 && readPiece(fd, 0, 4).readUInt32BE(0) === ELF);

/** What is below the mounted root of an image. Synchronous and long: call it in a thread. */
export function takeInventory(root: string, imageId: string): Inventory {
  const packages = new Map<string, SoftwarePackage>();
  const unreadable: Inventory['unreadable'] = [];
  const releases = new Map<string, Distribution>();
  for (const file of filesBelow(root)) {
    try {
      if (file.path === 'usr/lib/os-release' || file.path === 'etc/os-release')
        releases.set(file.path, parseOsRelease(file.read(MAX_TEXT).toString('utf8')));
      const kind = KINDS.find(({ matches }) => matches(file.path));
      for (const item of kind?.read(file) ?? []) packages.set(`${item.ecosystem} ${item.name} ${item.version} ${item.path}`, item);
    } catch (error) {
      unreadable.push({ path: file.path, reason: (error as Error).message.slice(0, 200) });
    }
  }
  return {
    imageId,
    distribution: releases.get('etc/os-release') ?? releases.get('usr/lib/os-release') ?? UNKNOWN_DISTRIBUTION,
    packages: [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item),
    unreadable,
  };
}
