import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../base/index.ts';
import type { TreeEntry } from '../../host/index.ts';
import { checkoutGit } from './git.ts';
import { parseGitReference } from './git-reference.ts';
import { fetchUrl } from './url.ts';

export type Fetched =
  | { kind: 'file'; name: string; entry: TreeEntry }
  /** A directory on the host. */
  | { kind: 'tree'; root: string };

export interface FetchRemoteOptions {
  /** A directory that is not there yet. */
  folder: string;
  checksum: string | undefined;
  keepGitDir: boolean;
  signal: AbortSignal;
  progress?: (bytes: number) => void;
}

/** What a URL or a git reference in ADD stands for. */
export async function fetchRemote(address: string, options: FetchRemoteOptions): Promise<Fetched> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const git = parseGitReference(address);
  if (git) return { kind: 'tree', root: await checkoutGit(git, options) };
  if (!/^https?:\/\//i.test(address)) throw invalid(`"${address}" is neither a URL with http or https nor a git reference`);
  const { name, ...content } = await fetchUrl(address, { ...options, file: join(options.folder, 'content') });
  return {
    kind: 'file',
    name,
    entry: { path: '', type: 'file', mode: 0o600, uid: 0, gid: 0, pack: join(options.folder, 'content'), offset: 0, ...content },
  };
}
