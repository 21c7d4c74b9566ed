import type { Ecosystem } from '../scan.ts';
import { compareDebian } from './debian.ts';
import { compareSemantic } from './semantic.ts';
import { compareAlpine, compareMaven, comparePython } from './words.ts';

/** How versions of each ecosystem compare: negative when the first is older. */
export const COMPARE: Readonly<Record<Ecosystem, (a: string, b: string) => number>> = {
  deb: compareDebian,
  apk: compareAlpine,
  npm: compareSemantic,
  golang: compareSemantic,
  pypi: comparePython,
  maven: compareMaven,
};
