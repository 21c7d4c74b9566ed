import type { ContainerRecord, EndpointState, NetworkRecord } from '../../model/index.ts';
import type { EngineParts } from '../parts.ts';

/** Tells that a run has its networks and volumes, before its start is told. */
export function tellAttached(parts: EngineParts, record: ContainerRecord, endpoints: readonly EndpointState[]): void {
  tellNetworks(parts, record, endpoints, 'connect');
  for (const mount of record.spec.mounts) {
    if (mount.type !== 'volume') continue;
    tellVolume(parts, mount.source, 'mount', {
      container: record.id,
      destination: mount.target,
      propagation: '',
      'read/write': String(!mount.readOnly),
    });
  }
}

/** Tells that a run has let go of its networks and volumes, before its end is told. */
export function tellDetached(parts: EngineParts, record: ContainerRecord, endpoints: readonly EndpointState[]): void {
  tellNetworks(parts, record, endpoints, 'disconnect');
  for (const mount of record.spec.mounts) if (mount.type === 'volume') tellVolume(parts, mount.source, 'unmount', { container: record.id });
}

export function tellVolume(
  parts: Pick<EngineParts, 'events'>,
  name: string,
  action: 'create' | 'mount' | 'unmount' | 'destroy',
  extra: Record<string, string> = {},
): void {
  parts.events.publish({ type: 'volume', action, actor: { id: name, attributes: { driver: 'local', ...extra } }, scope: 'local' });
}

/** Tells of a network as Docker does; `container` is the one that comes or goes. `covered` is ours: something of the host is in its way. */
export function tellNetwork(
  parts: Pick<EngineParts, 'events'>,
  { id, name, driver }: Pick<NetworkRecord, 'id' | 'name' | 'driver'>,
  action: 'create' | 'destroy' | 'connect' | 'disconnect' | 'covered',
  container?: string,
  more: Record<string, string> = {},
): void {
  const attributes = { ...(container === undefined ? {} : { container }), name, type: driver, ...more };
  parts.events.publish({ type: 'network', action, actor: { id, attributes }, scope: 'local' });
}

function tellNetworks(
  parts: EngineParts,
  { id }: ContainerRecord,
  endpoints: readonly EndpointState[],
  action: 'connect' | 'disconnect',
): void {
  const known = new Map(parts.network.list().map((network) => [network.id, network]));
  for (const { networkId, networkName } of endpoints)
    tellNetwork(parts, known.get(networkId) ?? { id: networkId, name: networkName, driver: 'bridge' }, action, id);
}
