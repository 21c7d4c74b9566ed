import { type Clock, describe, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';
import type { Allocator } from '../addresses/index.ts';
import { type Member, removeLinks } from './member.ts';

/** Long enough to gather the namespaces of containers that end together, short enough to go unnoticed. */
const GATHER_MILLISECONDS = 40;

/** Further interfaces of a namespace, and what to do when they are gone. */
export interface Further {
  links: readonly string[];
  gone: () => void;
}

interface Doomed {
  member: Member;
  addresses: Allocator | undefined;
  further: Further | undefined;
}

/**
 * Takes namespaces apart behind the reply. Deleting a link waits for grace periods of the kernel (25 ms), nearly the same
 * for one as for twenty, so they go together. An address is free again when its link is gone.
 */
export class Removal {
  readonly #socket: netlink.NetlinkSocket;
  readonly #clock: Clock;
  readonly #log: Log;
  #doomed: Doomed[] = [];
  #running: Promise<void> | undefined;

  /** `socket` is for removals alone: they hold it for long. */
  constructor(socket: netlink.NetlinkSocket, clock: Clock, log: Log) {
    this.#socket = socket;
    this.#clock = clock;
    this.#log = log;
  }

  add(member: Member, addresses: Allocator | undefined, further?: Further): void {
    this.#doomed.push({ member, addresses, further });
    this.#running ??= this.#run();
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when everything added so far is gone. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    await this.#clock.sleep(GATHER_MILLISECONDS);
    while (this.#doomed.length > 0) await this.#removeAll(this.#doomed.splice(0));
    this.#running = undefined;
  }

  async #removeAll(doomed: readonly Doomed[]): Promise<void> {
    try {
      await removeLinks(
        this.#socket,
        doomed.flatMap(({ member, further }) => [...(member.onBridge ? [member.onBridge.link] : []), ...(further?.links ?? [])]),
      );
      for (const { member, addresses, further } of doomed) {
        if (member.onBridge) addresses?.release(member.onBridge.address);
        further?.gone();
      }
    } catch (error) {
      // Their addresses stay taken: a link that is still there may answer for them. The next start cleans up.
      this.#log.error('Could not remove links of ended containers', { error: describe(error) });
    }
    for (const { member } of doomed) {
      try {
        netlink.dropNamespace(member.file);
      } catch (error) {
        this.#log.error('Could not remove a network namespace', { file: member.file, error: describe(error) });
      }
    }
  }
}
