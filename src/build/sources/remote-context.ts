import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../base/index.ts';
import { scanTree } from '../../host/index.ts';
import { checkoutGit } from '../files/git.ts';
import { parseGitReference } from '../files/git-reference.ts';
import { TreeIndex } from '../files/tree-index.ts';
import { fetchUrl } from '../files/url.ts';
import { IndexedContext } from './open-context.ts';
import { newFolder, type Opening, openTar } from './opening.ts';
import type { OpenContext } from './sources.ts';

/** A context that the daemon fetches: a git repository, a tar, or one Dockerfile. */
export async function openRemote(
  opening: Opening,
  url: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<OpenContext> {
  const git = parseGitReference(url);
  if (!git && !/^https?:\/\//i.test(url))
    throw invalid(`the build context "${url}" is neither a URL with http or https nor a git reference`);
  const { folder, remove } = await newFolder(opening);
  try {
    if (git) {
      const root = await checkoutGit(git, { folder, checksum: undefined, keepGitDir: false, signal });
      const index = new TreeIndex(0n, root);
      for (const entry of await scanTree(root, '', { digests: true })) index.add({ ...entry, uid: 0, gid: 0 });
      return new IndexedContext(index, { label: 'build context', folder: join(folder, 'tree'), close: remove });
    }
    const file = join(folder, 'download');
    const fetched = await fetchUrl(url, { file, checksum: undefined, signal, progress });
    if (!(await isText(file, fetched.contentType))) return await tarOf(opening, file, remove, signal);
    const index = new TreeIndex(fetched.modified);
    const { size, digest, modified } = fetched;
    index.add({ path: 'Dockerfile', type: 'file', mode: 0o600, uid: 0, gid: 0, size, digest, modified, pack: file, offset: 0 });
    return new IndexedContext(index, { label: 'build context', folder: join(folder, 'tree'), close: remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

async function tarOf(opening: Opening, file: string, remove: () => Promise<void>, signal: AbortSignal): Promise<OpenContext> {
  const context = await openTar(opening, createReadStream(file), () => {}, signal);
  await remove();
  return context;
}

/** Whether it is a Dockerfile: text, by what the server says or by what is in it. */
async function isText(file: string, contentType: string): Promise<boolean> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
  const head = buffer.subarray(0, bytesRead);
  return !head.includes(0) && (contentType.startsWith('text/') || contentType === '' || head.every((byte) => byte >= 9 && byte < 0xf8));
}
