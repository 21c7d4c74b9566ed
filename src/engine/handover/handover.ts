import { conflict, describe, GantryError } from '../../base/index.ts';
import { connectionCount } from '../../host/index.ts';
import { type ContainerRecord, isAlive } from '../../model/index.ts';
import { withoutIntent } from '../containers/lifecycle.ts';
import type { HandOvers } from '../engine.ts';
import type { EngineParts } from '../parts.ts';

/**
 * One container takes the place of another without a gap: see `HandOvers` for the promises, and docs/design/rolling-update.md
 * for the reasons.
 *
 * The rows carry it: `standby.for` on the new container until it has taken over, the intent `take-over` while that happens, and
 * `relievedBy` on the old one from then on. A daemon that starts in the middle finishes it.
 */
export class HandOver implements HandOvers {
  #parts: EngineParts;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  async standBy(reference: string, forReference?: string): Promise<void> {
    const { table, queue, decisions } = this.#parts;
    const other = forReference === undefined ? undefined : table.get(forReference);
    const { id } = table.get(reference);
    if (other?.id === id) throw conflict(`container ${other.name} cannot stand by for itself`);
    if (other?.standby) throw conflict(`container ${other.name} stands by for another one itself`);
    await queue.run(id, async () => {
      const record = table.get(id);
      if (isAlive(record.state) || record.state.status === 'restarting')
        throw conflict(`container ${record.name} runs already: only one that has not been started can stand by`);
      await table.change(id, (r) => ({ ...r, standby: { for: other?.id ?? '' } }));
      const what = other ? `it is to take over from ${other.name}` : 'it is to come into service when it is ready';
      decisions.add(id, 'standby', `${what}: no ports and no names until then`);
    });
  }

  async standDown(reference: string): Promise<void> {
    const { table, queue, network, decisions } = this.#parts;
    const { id } = table.get(reference);
    await queue.run(id, async () => {
      const record = table.get(id);
      if (!isAlive(record.state)) throw conflict(`container ${record.name} is not running`);
      if (record.standby || record.relievedBy !== undefined) return;
      network.hide(id);
      await table.change(id, (r) => this.#relieved(r, ''));
      decisions.add(id, 'stood down', 'it is found by no name any more, for it is to be stopped');
    });
  }

  async takeOver(reference: string): Promise<void> {
    const { table, queue } = this.#parts;
    const { id } = table.get(reference);
    const from = predecessorOf(table.get(id));
    // Both queues, always in this order: of two containers only one can be the other's predecessor.
    await queue.run(from, () => queue.run(id, () => this.#takeOver(id)));
  }

  async #takeOver(id: string): Promise<void> {
    const { table, clock } = this.#parts;
    const record = table.get(id);
    const from = predecessorOf(record);
    if (!isAlive(record.state)) throw conflict(`container ${record.name} is not running: it cannot take over`);
    await table.change(id, (r) => ({ ...r, intent: { operation: 'take-over', since: clock.timestamp() } }));
    try {
      await this.#move(record, from);
    } catch (error) {
      await table.change(id, withoutIntent);
      throw error;
    }
  }

  /** Kernel first, then the row of the container that was relieved, then its successor's: what is cut short can be done again. */
  async #move(record: ContainerRecord, from: string): Promise<void> {
    const { table, network, decisions } = this.#parts;
    const old = table.find(from);
    const running = old && isAlive(old.state);
    await network.takeOver({ containerId: record.id, name: record.name, spec: record.spec }, running ? from : undefined);
    if (old) {
      await table.change(from, (r) => this.#relieved(r, record.id));
      decisions.add(from, 'relieved', `${record.name} has taken over its ports and names; connections that it has go on`);
    }
    await table.change(record.id, (r) => this.#serving(r));
    decisions.add(
      record.id,
      'took over',
      from === ''
        ? 'it is in service: it has its ports and names'
        : `it has the ports and names of ${old?.name ?? from.slice(0, 12)} from now on`,
    );
  }

  #relieved(record: ContainerRecord, by: string): ContainerRecord {
    return { ...record, relievedBy: by, state: this.#attached(record) };
  }

  #serving(record: ContainerRecord): ContainerRecord {
    const { standby: _stood, relievedBy: _was, ...rest } = withoutIntent(record);
    return { ...rest, state: this.#attached(record) };
  }

  #attached({ id, state }: ContainerRecord): ContainerRecord['state'] {
    const attachment = this.#parts.network.attachments().get(id);
    if (!attachment || !isAlive(state)) return state;
    return { ...state, endpoints: attachment.endpoints, publishedPorts: attachment.publishedPorts };
  }

  describe(reference: string): ReturnType<HandOvers['describe']> {
    const record = this.#parts.table.get(reference);
    const { state, standby, relievedBy } = record;
    const hasNetwork = isAlive(state) && state.networkNamespace !== '';
    return {
      role: standby ? 'standby' : relievedBy !== undefined ? 'relieved' : 'serving',
      other: (standby?.for ?? relievedBy) || undefined,
      connections: hasNetwork ? connectionCount(state.pid) : 0,
    };
  }

  /** A take-over that the daemon's end cut short. */
  async finish(record: ContainerRecord): Promise<void> {
    const { table, log } = this.#parts;
    const from = record.standby?.for ?? record.relievedBy;
    if (from === undefined || !isAlive(record.state)) {
      // It ended meanwhile: when the other one was relieved already, its next start takes the place.
      const relieved = from !== undefined && table.find(from)?.relievedBy === record.id;
      await table.change(record.id, relieved ? (r) => this.#serving(r) : withoutIntent);
      return;
    }
    try {
      await this.#move(record, from);
    } catch (error) {
      log.warn('a take-over that was cut short could not be finished', { container: record.name, error: describe(error) });
      await table.change(record.id, withoutIntent);
    }
  }
}

function predecessorOf(record: ContainerRecord): string {
  const from = record.standby?.for ?? record.relievedBy;
  if (from === undefined)
    throw new GantryError('unchanged', `container ${record.name} stands by for no other: there is nothing to take over`);
  return from;
}
