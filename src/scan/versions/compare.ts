import type { Ecosystem } from '../scan.ts';
import { compareAlpine } from './alpine.ts';
import { compareDebian } from './debian.ts';
import { compareMaven } from './maven.ts';
import { comparePython } from './python.ts';
import { compareGo, compareSemantic } from './semantic.ts';

/** How versions of each ecosystem compare: negative when the first is older. */
export const COMPARE: Readonly<Record<Ecosystem, (a: string, b: string) => number>> = {
  deb: compareDebian,
  apk: compareAlpine,
  npm: compareSemantic,
  golang: compareGo,
  pypi: comparePython,
  maven: compareMaven,
};
