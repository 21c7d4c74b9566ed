import { createHash } from 'node:crypto';
import { notFound } from '../../base/index.ts';
import { copySource } from './copy-source.ts';
import type { FileSteps } from './files.ts';
import { addEntries, planCopy } from './plan-copy.ts';

export type { CopyOptions, CopyPlan, FileSteps, SourceTree } from './files.ts';
export { isRemote } from './plan-copy.ts';

export function createFileSteps(): FileSteps {
  return {
    planCopy,
    async digestOf(tree, path, signal) {
      signal.throwIfAborted();
      const source = await copySource(tree);
      const real = await source.resolve(path);
      if (real === undefined)
        throw notFound(
          `failed to compute cache key: failed to calculate checksum of ref ${tree.label.replaceAll(' ', '-')}: "/${path.replace(/^\/+/, '')}": not found`,
        );
      const hash = createHash('sha256');
      addEntries((...values) => hash.update(`${JSON.stringify(values)}\n`), await source.list(real));
      return `sha256:${hash.digest('hex')}`;
    },
  };
}
