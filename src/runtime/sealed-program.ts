import { closeSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { type Clock, describe, type Log } from '../base/index.ts';
import { createSealedFile } from '../host/index.ts';

/**
 * crun runs from a copy of itself that no container can overwrite (CVE-2019-5736), and makes one at each call unless it is
 * sealed memory already. One such copy for all calls spares a mount and a second start of the program: a millisecond of five.
 */
export class SealedProgram {
  #clock: Clock;
  #log: Log;
  #copies = new Map<string, { version: string; fd: number }>();
  #refused = false;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A path to run `program` by: that of the copy, or its own where the kernel gives none. A replaced program is copied anew. */
  path(program: string): string {
    if (this.#refused) return program;
    const { ino, mtimeMs, size } = statSync(program);
    const version = `${ino} ${mtimeMs} ${size}`;
    const known = this.#copies.get(program);
    if (known?.version === version) return pathOf(known.fd);
    try {
      const fd = createSealedFile(basename(program), readFileSync(program));
      this.#copies.set(program, { version, fd });
      // A call under way may still be about to open the old copy; the next replacement is far away.
      if (known) this.#clock.later(60_000, () => closeSync(known.fd));
      return pathOf(fd);
    } catch (error) {
      this.#refused = true;
      this.#log.info('the OCI runtime is run from its own file', { program, reason: describe(error) });
      return program;
    }
  }
}

function pathOf(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}
