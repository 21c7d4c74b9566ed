import { join } from 'node:path';

/** Directories of running steps and of half-made things. */
export function buildFolders(dataRoot: string, execRoot: string): { scratch: string; running: string } {
  return { scratch: join(dataRoot, 'build', 'scratch'), running: join(execRoot, 'build') };
}
