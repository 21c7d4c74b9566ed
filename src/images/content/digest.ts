import { createHash } from 'node:crypto';
import { invalid, sha256 } from '../../base/index.ts';
import { isDigest } from '../reference.ts';

export const digestOf = (data: Uint8Array): string => `sha256:${sha256(data)}`;

/** The digits of a digest. Fails with `invalid` for what is not one: it is about to become a file name. */
export function hexOf(digest: string): string {
  if (!isDigest(digest)) throw invalid(`'${digest.slice(0, 100)}' is not a digest`);
  return digest.slice('sha256:'.length);
}

/** Passes bytes on, and counts and digests them. */
export class Digester {
  readonly #hash = createHash('sha256');
  bytes = 0;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** Once, at the end. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }

  async *through<T extends Uint8Array>(source: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const chunk of source) {
      this.update(chunk);
      yield chunk;
    }
  }
}
