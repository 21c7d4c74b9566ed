import { invalid } from '../../base/index.ts';
import type { Distribution, Inventory, SoftwarePackage } from '../scan.ts';
import { parseOsRelease, UNKNOWN_DISTRIBUTION } from './distribution.ts';
import { goModules } from './go.ts';
import { javaPackages } from './java.ts';
import { parseNpmPackage, parsePythonMetadata } from './language-packages.ts';
import { parseApkInstalled, parseDpkgStatus } from './system-packages.ts';
import { filesBelow, type ImageFile, readPiece } from './walk.ts';

const MAX_TEXT = 32 * 1024 * 1024;
/** An image of more packages is none that somebody works with, and its list would fill the daemon's memory. */
const MAX_PACKAGES = 100_000;
const MAX_UNREADABLE = 1000;
const MAX_NAME = 1000;
const MAX_LICENSE = 200;
const ELF = 0x7f454c46;

interface Kind {
  matches(path: string): boolean;
  read(file: ImageFile): SoftwarePackage[];
}

const text = (parse: (content: string, path: string) => SoftwarePackage[]) => (file: ImageFile) =>
  parse(file.read(MAX_TEXT).toString('utf8'), file.path);

/** Better told than taken for an image without packages. */
function unreadRpm(): SoftwarePackage[] {
  throw new Error('packages of rpm are not read');
}

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
  {
    matches: (path) => /\.(jar|war|ear)$/.test(path),
    read: (file) => file.open((fd, size) => javaPackages({ size, read: (offset, length) => readPiece(fd, offset, length) }, file.path)),
  },
  { matches: (path) => /^(usr\/lib\/sysimage|var\/lib)\/rpm\/(rpmdb\.sqlite|Packages(\.db)?)$/.test(path), read: unreadRpm },
  {
    matches: (path) => !/\.(so|o|a|ko|py|js|json|html|txt|gz|png|mo)(\.[\d.]+)?$/.test(path),
    read: (file) => (isElf(file) ? goModules(file) : []),
  },
];

const isElf = (file: ImageFile): boolean => file.open((fd, size) => size > 64 && readPiece(fd, 0, 4).readUInt32BE(0) === ELF);

/**
 * What is below the mounted root of an image. Synchronous and long: call it in a thread. Fails with `invalid` when there are too many
 * packages; what cannot be read is told in the inventory.
 */
export function takeInventory(root: string, imageId: string): Inventory {
  const packages = new Map<string, SoftwarePackage>();
  const unreadable: Inventory['unreadable'] = [];
  const releases = new Map<string, Distribution>();
  const tell = (path: string, error: unknown) => {
    if (unreadable.length < MAX_UNREADABLE) unreadable.push({ path, reason: (error as Error).message.slice(0, 200) });
  };
  for (const file of filesBelow(root, tell)) {
    try {
      if (file.path === 'usr/lib/os-release' || file.path === 'etc/os-release')
        releases.set(file.path, parseOsRelease(file.read(MAX_TEXT).toString('utf8')));
      const kind = KINDS.find(({ matches }) => matches(file.path));
      for (const item of kind?.read(file) ?? []) {
        packages.set(`${item.ecosystem} ${item.name} ${item.version} ${item.path}`, bounded(item));
        if (packages.size > MAX_PACKAGES) break;
      }
    } catch (error) {
      tell(file.path, error);
    }
    if (packages.size > MAX_PACKAGES) throw invalid(`the image has more than ${MAX_PACKAGES} packages: that is more than a scan takes`);
  }
  return {
    imageId,
    distribution: releases.get('etc/os-release') ?? releases.get('usr/lib/os-release') ?? UNKNOWN_DISTRIBUTION,
    packages: [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item),
    unreadable,
  };
}

/** Fails for a package whose name nobody could show. */
function bounded(item: SoftwarePackage): SoftwarePackage {
  const { name, version, source, license } = item;
  for (const text of [name, version, source?.name ?? '', source?.version ?? '']) {
    if (text.length > MAX_NAME) throw new Error(`a package has a name or version of more than ${MAX_NAME} characters`);
    // They end up on terminals.
    if (/\p{Cc}/u.test(text)) throw new Error(`a package has a name or version with control characters: ${JSON.stringify(text)}`);
  }
  return license === undefined ? item : { ...item, license: license.slice(0, MAX_LICENSE) };
}
