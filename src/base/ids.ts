// Fetched at the first use: the command line never needs it, and loading it takes 4 ms of its start.
const crypto = () => process.getBuiltinModule('node:crypto');

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
        const id = crypto().randomBytes(32).toString('hex');
        if (!/^\d{12}/.test(id)) return id;
      }
    },
  };
}

export function sha256(data: string | Uint8Array): string {
  return crypto().createHash('sha256').update(data).digest('hex');
}
