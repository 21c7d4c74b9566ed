import { packTree } from './pack.ts';
import { unpackTree } from './unpack.ts';

/** Copies the contents of directory `source` inside `root` into `target`, with owner, mode, times, attributes, links and devices. */
export async function copyTree(root: string, source: string, target: string): Promise<void> {
  await unpackTree(packTree({ root, path: source, name: '' }), { root: target, path: '/' });
}
