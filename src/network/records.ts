import { type Clock, conflict, type Ids, type Log, notFound } from '../base/index.ts';
import type { NetworkRecord } from '../model/index.ts';
import type { Store } from '../store/index.ts';

const KIND = 'network';

/** The networks that are there without being made, with ids that stay for the life of the data root. */
export interface Records {
  bridge: NetworkRecord;
  host: NetworkRecord;
  none: NetworkRecord;
  /** Those that people made. */
  made: NetworkRecord[];
}

type Predefined = Exclude<keyof Records, 'made'>;

const PREDEFINED: Readonly<Record<Predefined, NetworkRecord['driver']>> = { bridge: 'bridge', host: 'host', none: 'null' };

/** Reads the rows, and writes those that are missing or damaged. */
export async function loadRecords(store: Store, clock: Clock, ids: Ids, log: Log): Promise<Records> {
  const { rows, damaged } = await store.list<NetworkRecord>(KIND);
  for (const { id, value } of rows) if (value?.id !== id) damaged.push({ id, reason: 'it has not the shape of a network' });
  for (const { id, reason } of damaged) {
    log.warn('The row of a network cannot be read: it is dropped, and made anew with another id if it is one that is always there', {
      id,
      reason,
    });
    await store.delete(KIND, id);
  }
  const find = async (name: Predefined): Promise<NetworkRecord> => {
    const known = rows.find(({ id, value }) => value?.id === id && value.name === name && value.driver === PREDEFINED[name]);
    if (known) return known.value;
    const record: NetworkRecord = {
      id: ids.next(),
      name,
      driver: PREDEFINED[name],
      createdAt: clock.timestamp(),
      subnets: [],
      enableIPv6: false,
      internal: false,
      options: {},
      labels: {},
    };
    await store.create(KIND, record.id, record);
    return record;
  };
  const made = rows.filter(({ id, value }) => value?.id === id && !Object.hasOwn(PREDEFINED, value.name)).map(({ value }) => value);
  return { bridge: await find('bridge'), host: await find('host'), none: await find('none'), made };
}

export async function saveRecord(store: Store, record: NetworkRecord): Promise<void> {
  await store.update(KIND, record.id, record);
}

export async function dropRecord(store: Store, id: string): Promise<void> {
  await store.delete(KIND, id);
}

/** By name, id or unique prefix of an id. */
export function resolveNetwork(networks: readonly NetworkRecord[], reference: string): NetworkRecord {
  const exact = networks.find(({ name, id }) => name === reference || id === reference);
  if (exact) return exact;
  const byPrefix = reference === '' ? [] : networks.filter(({ id }) => id.startsWith(reference));
  if (byPrefix.length > 1) throw conflict(`network ${reference} is ambiguous: ${byPrefix.length} ids begin with it`);
  if (!byPrefix[0]) throw notFound(`network ${reference} not found`);
  return byPrefix[0];
}
