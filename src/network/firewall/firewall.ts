import { describe, GantryError, type Log } from '../../base/index.ts';
import { elementsOf, type Forwarding, nameOf } from './elements.ts';
import { acceptInLegacyTables, acceptWhereForwardingIsDropped, forgetElsewhere, warnOfUnreadable } from './foreign.ts';
import { isIntact } from './intact.ts';
import type { Nftables } from './nftables.ts';
import { type RuleSettings, renderTables } from './rules.ts';
import type { Surroundings } from './surroundings.ts';

/** More than this goes as a whole table: one netlink datagram must hold a change. */
const MOST_ELEMENTS = 250;

interface Change {
  remove: Forwarding[];
  add: Forwarding[];
  settle: PromiseWithResolvers<void>;
}

/**
 * Our own table in nftables. What it should hold is in memory; changes that come together become one transaction; and
 * when someone flushes the rules, the whole table is put back.
 */
export class Firewall {
  #settings: RuleSettings;
  readonly #surroundings: Surroundings;
  readonly #nftables: Nftables;
  readonly #log: Log;
  #wanted = new Map<string, Forwarding>();
  #pending: Change[] = [];
  #working: Promise<void> | undefined;
  #removed = false;
  #settingsChanged = false;
  #heedsHost = false;
  #changes = 0;
  /** How often the rules were found changed by someone else. */
  drift = 0;

  constructor(settings: Omit<RuleSettings, 'lan'>, surroundings: Surroundings, nftables: Nftables, log: Log) {
    this.#settings = { ...settings, lan: [] };
    this.#surroundings = surroundings;
    this.#nftables = nftables;
    this.#log = log;
  }

  /** Writes the whole table, with `forwardings` and no others. */
  async install(forwardings: readonly Forwarding[]): Promise<void> {
    this.#wanted = new Map(forwardings.map((forwarding) => [identify(forwarding), forwarding]));
    await this.#write();
    if (!this.#settings.gate) await this.#surroundings.closeGate();
    warnOfUnreadable(this.#log);
  }

  /** Sees that other programs' rules let our bridge pass. */
  async acceptElsewhere(): Promise<void> {
    const bridges = this.#settings.networks.map(({ bridge }) => bridge);
    await acceptWhereForwardingIsDropped(this.#nftables, bridges, this.#log);
    await this.acceptInLegacyTables();
  }

  /** The part of `acceptElsewhere` that the kernel tells nobody of. Costs a look at a file where there are no such tables. */
  async acceptInLegacyTables(): Promise<void> {
    const bridges = this.#settings.networks.map(({ bridge }) => bridge);
    await acceptInLegacyTables(bridges, this.#log);
  }

  /** Takes what was put into other programs' rules for a bridge away again. */
  forget(bridge: string): Promise<void> {
    return forgetElsewhere(this.#nftables, bridge);
  }

  /** In force when it resolves. */
  publish(forwardings: readonly Forwarding[]): Promise<void> {
    return this.#change([], forwardings);
  }

  /** Both in one transaction: a key that is in both leads elsewhere from one packet to the next. */
  replace(before: readonly Forwarding[], after: readonly Forwarding[]): Promise<void> {
    return this.#change(before, after);
  }

  unpublish(forwardings: readonly Forwarding[]): Promise<void> {
    return this.#change(forwardings, []);
  }

  /** Other networks than before. In force when it resolves. */
  guard(networks: RuleSettings['networks']): Promise<void> {
    this.#settings = { ...this.#settings, networks };
    this.#settingsChanged = true;
    return this.#enqueue([], []);
  }

  /** The networks that the next `install` writes. */
  setNetworks(networks: RuleSettings['networks']): void {
    this.#settings = { ...this.#settings, networks };
  }

  get networks(): RuleSettings['networks'] {
    return this.#settings.networks;
  }

  get table(): string {
    return this.#settings.table;
  }

  /** Whether the rules depend on devices and addresses of the host. */
  get heedsHost(): boolean {
    return this.#heedsHost;
  }

  /** Whether elements were removed by ourselves since the last call. */
  takeOwnRemovals(): boolean {
    const removed = this.#removed;
    this.#removed = false;
    return removed;
  }

  /** Has the rules go by the devices and addresses that the host has by now. */
  async followHost(): Promise<void> {
    await this.#working;
    this.#surroundings.forget(false);
    if (!(await this.#lookAround())) await this.#rewrite();
  }

  /** Puts the table back when it is not what it should be. Resolves to whether it had to. */
  async verify(): Promise<boolean> {
    await this.#working;
    const before = this.#changes;
    this.#surroundings.forget(true);
    const table = await this.#nftables.list(this.#settings.table);
    // A change on its way looks like damage, and brings its own check.
    if (this.#working) return false;
    await this.acceptElsewhere();
    const six = this.#settings.ipv6 ? await this.#nftables.list(this.#settings.table, 'ip6') : undefined;
    const settings = this.#settings;
    const fits = await this.#lookAround();
    // What was read before a change says nothing of the rules after it; the change brings its own check.
    if (this.#working || this.#changes !== before) return false;
    const forwardings = [...this.#wanted.values()];
    const intact = (objects: readonly unknown[] | undefined, family: 4 | 6) => isIntact(objects, forwardings, settings, family);
    if (intact(table, 4) && (!settings.ipv6 || intact(six, 6))) {
      // Devices and addresses of the host may change: the rules follow, and nobody has touched them.
      if (!fits) await this.#rewrite();
      return !fits;
    }
    this.drift += 1;
    this.#log.warn('The firewall rules were changed or flushed by someone else: putting them back', { table: this.#settings.table });
    await this.#rewrite();
    return true;
  }

  /** In turn with changes: one that came between rendering and writing would be lost. */
  #rewrite(): Promise<void> {
    this.#settingsChanged = true;
    return this.#enqueue([], []);
  }

  #change(remove: readonly Forwarding[], add: readonly Forwarding[]): Promise<void> {
    return remove.length + add.length === 0 ? Promise.resolve() : this.#enqueue(remove, add);
  }

  #enqueue(remove: readonly Forwarding[], add: readonly Forwarding[]): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#changes += 1;
    this.#pending.push({ remove: [...remove], add: [...add], settle });
    this.#working ??= this.#work();
    return settle.promise;
  }

  async #work(): Promise<void> {
    // One turn of the event loop, so that changes of the same moment share a transaction.
    await Promise.resolve();
    while (this.#pending.length > 0) await this.#applyTogether(this.#pending.splice(0));
    this.#working = undefined;
  }

  async #applyTogether(changes: readonly Change[]): Promise<void> {
    const before = new Map(this.#wanted);
    for (const change of changes) {
      for (const forwarding of change.remove) this.#wanted.delete(identify(forwarding));
      for (const forwarding of change.add) this.#wanted.set(identify(forwarding), forwarding);
    }
    const remove = [...before].filter(([key, forwarding]) => this.#wanted.get(key) !== forwarding).map(([, forwarding]) => forwarding);
    const add = [...this.#wanted].filter(([key, forwarding]) => before.get(key) !== forwarding).map(([, forwarding]) => forwarding);
    try {
      await this.#apply(remove, add);
      for (const change of changes) change.settle.resolve();
    } catch (error) {
      this.#wanted = before;
      const failure = new GantryError('internal', 'The firewall rules could not be changed', { cause: error });
      for (const change of changes) change.settle.reject(failure);
    }
  }

  async #apply(remove: readonly Forwarding[], add: readonly Forwarding[]): Promise<void> {
    const whole = this.#settingsChanged || !(await this.#lookAround());
    if (remove.length + add.length === 0 && !whole) return;
    if (remove.length > 0) this.#removed = true;
    this.#settingsChanged = false;
    const elements = { remove: remove.flatMap(elementsOf), add: add.flatMap(elementsOf) };
    try {
      if (!whole && elements.remove.length + elements.add.length <= MOST_ELEMENTS)
        return await this.#nftables.change(this.#settings.table, elements.remove, elements.add);
    } catch (error) {
      this.#log.warn('Writing the whole firewall table, since a change to it failed', { error: describe(error) });
    }
    // The table is not as we left it, or there is much to change: the whole of it carries the change too.
    await this.#write();
  }

  async #write(): Promise<void> {
    await this.#lookAround();
    await this.#nftables.apply(renderTables(this.#settings, [...this.#wanted.values()]));
  }

  /** What the wanted policies need to know of the host, and the gate. Resolves to whether it is as it was. */
  async #lookAround(): Promise<boolean> {
    const policies = new Set([...this.#wanted.values()].map(({ exposure }) => exposure));
    if (this.#settings.networks.some(({ open }) => open.some(({ near }) => near))) policies.add('lan');
    this.#heedsHost = policies.has('host') || policies.has('lan');
    const { gate: before, lan: lanBefore } = this.#settings;
    const gate = policies.has('host') ? await this.#surroundings.openGate() : undefined;
    const lan = policies.has('lan') ? await this.#surroundings.lan() : [];
    const same = gate?.id === before?.id && JSON.stringify(lan) === JSON.stringify(lanBefore);
    const { gate: _, ...rest } = this.#settings;
    if (!same) this.#settings = { ...rest, lan, ...(gate ? { gate } : {}) };
    return same;
  }
}

function identify(forwarding: Forwarding): string {
  return elementsOf(forwarding).slice(0, 1).map(nameOf).join();
}
