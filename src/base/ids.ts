import { createHash, randomBytes } from 'node:crypto';

/** Randomness is an argument: rooms take `Ids`, and only `main` makes the real one. */
export interface Ids {
  /** 64 lower-case hexadecimal digits, as Docker's container and exec ids. */
  next(): string;
}

export function randomIds(): Ids {
  return {
    next() {
      // Docker never gives an id whose short form is all digits: tools would take it for a number.
      for (;;) {
        const id = randomBytes(32).toString('hex');
        if (!/^\d{12}/.test(id)) return id;
      }
    },
  };
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
