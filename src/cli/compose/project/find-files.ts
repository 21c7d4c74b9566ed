import { existsSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure } from '../../failure.ts';

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = ['compose.override.yml', 'compose.override.yaml', 'docker-compose.override.yml', 'docker-compose.override.yaml'];

/** The file of the nearest folder that has one, from `folder` upwards, and the file beside it that overrides. Throws `CommandFailure`. */
export function findFiles(folder: string): string[] {
  for (let at = folder; ; at = path.dirname(at)) {
    const [found] = NAMES.map((name) => path.join(at, name)).filter(existsSync);
    if (found !== undefined) {
      const [override] = OVERRIDES.map((name) => path.join(at, name)).filter(existsSync);
      return override === undefined ? [found] : [found, override];
    }
    if (at === path.dirname(at))
      throw new CommandFailure(
        `no configuration file provided: neither ${folder} nor a folder above it has one of ${NAMES.join(', ')}; name one with -f`,
        14,
      );
  }
}

/** The name of a project in the form that it must have: lower-case letters, digits, dashes and underscores. */
export const projectName = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');

/** Throws `CommandFailure` when a name that somebody chose has not that form. */
export function checkProjectName(name: string): string {
  if (name === projectName(name) && name !== '') return name;
  throw new CommandFailure(
    `invalid project name ${JSON.stringify(name)}: it has lower-case letters, digits, dashes and underscores, and begins with a letter or digit`,
  );
}
