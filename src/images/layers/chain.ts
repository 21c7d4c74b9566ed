import { sha256 } from '../../base/index.ts';

/** Chain ids of diff ids, base first (OCI image-spec config.md, "Layer ChainID"): they name a layer together with all below it. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : `sha256:${sha256(`${below} ${diffId}`)}`);
  }
  return chain;
}
