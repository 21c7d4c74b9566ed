import type { EngineClient } from '../client/index.ts';
import { decimalSize } from '../format/index.ts';

export interface Pruned {
  /** What was removed, with its heading; empty when nothing was. */
  readonly text: string;
  /** Bytes that are free again. */
  readonly freed: number;
}

type Filters = string | undefined;

const listed = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `${line}\n`).join('')}\n`;

export async function pruneContainers(client: EngineClient, filters: Filters): Promise<Pruned> {
  const reply = await client.json<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>('POST', '/containers/prune', {
    query: { filters },
  });
  return { text: listed('Deleted Containers', reply.ContainersDeleted ?? []), freed: reply.SpaceReclaimed };
}

export async function pruneImages(client: EngineClient, filters: Filters): Promise<Pruned> {
  const reply = await client.json<{ ImagesDeleted: { Untagged?: string; Deleted?: string }[] | null; SpaceReclaimed: number }>(
    'POST',
    '/images/prune',
    { query: { filters } },
  );
  const lines = (reply.ImagesDeleted ?? []).map((one) => (one.Untagged ? `untagged: ${one.Untagged}` : `deleted: ${one.Deleted}`));
  return { text: listed('Deleted Images', lines), freed: reply.SpaceReclaimed };
}

export async function pruneVolumes(client: EngineClient, filters: Filters): Promise<Pruned> {
  const reply = await client.json<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>('POST', '/volumes/prune', {
    query: { filters },
  });
  return { text: listed('Deleted Volumes', reply.VolumesDeleted ?? []), freed: reply.SpaceReclaimed };
}

export async function pruneNetworks(client: EngineClient, filters: Filters): Promise<Pruned> {
  const reply = await client.json<{ NetworksDeleted: string[] | null }>('POST', '/networks/prune', { query: { filters } });
  return { text: listed('Deleted Networks', reply.NetworksDeleted ?? []), freed: 0 };
}

/** `bounds` are bytes, by the names of the API's parameters. */
export async function pruneBuildCache(
  client: EngineClient,
  all: boolean,
  filters: Filters,
  bounds: Readonly<Record<string, number>> = {},
): Promise<Pruned> {
  const reply = await client.json<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>('POST', '/build/prune', {
    query: { all: all || undefined, filters, ...bounds },
  });
  return { text: listed('Deleted build cache objects', reply.CachesDeleted ?? []), freed: reply.SpaceReclaimed };
}

export const reclaimed = (bytes: number) => `Total reclaimed space: ${decimalSize(bytes, 4)}\n`;
