import type { Log } from '../../base/index.ts';
import type { netlink } from '../../host/index.ts';
import { GateKeeper, type GateNames } from './gate.ts';
import { readLan } from './lan.ts';
import type { Gate, RuleSettings } from './rules.ts';

/** What the rules of policies other than `public` need of the host. */
export interface Surroundings {
  /**
   * Makes the gate, or finds it. Cheap when nothing was forgotten. Undefined where the kernel has no such thing: packets stay on their way to
   * the daemon's socket then, past the firewall, and it relays them.
   */
  openGate(): Promise<Gate | undefined>;
  /** Takes the gate of an earlier daemon away when nobody needs it any more. */
  closeGate(): Promise<void>;
  /** The networks that the host has an address in. */
  lan(): Promise<RuleSettings['lan']>;
  /** Devices or addresses may have changed: the next call looks; `thoroughly` at everything. */
  forget(thoroughly: boolean): void;
}

/** The host that the daemon runs on. */
export class HostSurroundings implements Surroundings {
  readonly #socket: netlink.NetlinkSocket;
  readonly #names: GateNames;
  readonly #keeper: GateKeeper;
  #lan: Promise<RuleSettings['lan']> | undefined;

  constructor(socket: netlink.NetlinkSocket, names: GateNames, ipv6: boolean, log: Log) {
    this.#socket = socket;
    this.#names = names;
    this.#keeper = new GateKeeper(socket, names, ipv6, log);
  }

  forget(thoroughly: boolean): void {
    this.#keeper.forget(thoroughly);
    this.#lan = undefined;
  }

  openGate(): Promise<Gate | undefined> {
    return this.#keeper.open();
  }

  closeGate(): Promise<void> {
    return this.#keeper.close();
  }

  lan(): Promise<RuleSettings['lan']> {
    this.#lan ??= readLan(this.#socket, [this.#names.out, this.#names.back]);
    return this.#lan;
  }
}
