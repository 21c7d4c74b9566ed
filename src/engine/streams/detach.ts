import { invalid } from '../../base/index.ts';

/** The byte sequence of Docker's notation: `ctrl-p,ctrl-q`, `ctrl-@`, `a,b`. Empty text means the default. */
export function parseDetachKeys(text: string): number[] {
  if (text === '') return [0x10, 0x11];
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (control) return (control[1] ?? '@').toUpperCase().charCodeAt(0) - 0x40;
    if (key.length === 1) return key.charCodeAt(0);
    throw invalid(`Invalid detach keys (${text}): unknown key "${key}"`, 'Use single characters or ctrl-a … ctrl-z, separated by commas.');
  });
}

/** Looks for the detach sequence in typed input, over packet borders. Held-back keys go through when the sequence breaks off. */
export class DetachFilter {
  #keys: number[];
  #matched = 0;

  constructor(keys: number[]) {
    this.#keys = keys;
  }

  /** What to pass on, and whether the whole sequence was typed. */
  push(data: Uint8Array): { pass: Uint8Array; detached: boolean } {
    const pass: number[] = [];
    for (const byte of data) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.slice(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: this.#matched === 0 && pass.length === data.length ? data : Uint8Array.from(pass), detached: false };
  }
}
