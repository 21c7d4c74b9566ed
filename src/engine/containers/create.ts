import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { removeTree } from '../../host/index.ts';
import { type ContainerRecord, freshState } from '../../model/index.ts';
import { refuseForeignAddresses } from '../../network/index.ts';
import { logPolicy } from '../../runtime/index.ts';
import type { CreateContainer } from '../engine.ts';
import { checkRecovery } from '../health/recovery-plan.ts';
import { chooseMounts, makeVolumes } from '../mounts/make.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { containerFiles } from './launch.ts';
import { withoutIntent } from './lifecycle.ts';
import { mergeImage } from './merge.ts';
import { checkName, suggestName } from './names.ts';

/** Makes a container that is ready to start: row, writable layer, volumes. Undone on failure. */
export async function createContainer(parts: EngineParts, request: CreateContainer): Promise<{ id: string; warnings: string[] }> {
  const image = parts.images.get(request.spec.image);
  const id = parts.ids.next();
  const merged = mergeImage({ ...request.spec, hostname: request.spec.hostname || sharedHostname(parts, request.spec) }, image, id);
  const mounts = await chooseMounts(parts, merged, image);
  checkJoins(parts, request);
  const warning = checkRecovery(merged);
  // A bad log option is refused here, not at the first start.
  logPolicy(merged.log);
  await parts.admit?.(image.id, request.spec.image);
  parts.images.touch(image.id);
  const record: ContainerRecord = {
    id,
    name: request.name === undefined ? freeName(parts, id) : checkName(request.name),
    createdAt: parts.clock.timestamp(),
    spec: { ...merged, mounts, endpoints: canonicalEndpoints(parts, merged) },
    state: freshState(),
    request: request.request,
    intent: { operation: 'create', since: parts.clock.timestamp() },
  };
  await using undo = new AsyncDisposableStack();
  await parts.table.insert(record);
  undo.defer(() => parts.table.delete(id));
  const files = containerFiles(parts.dataRoot, id);
  await mkdir(files.directory, { recursive: true, mode: 0o710 });
  undo.defer(() => removeTree(parts.dataRoot, files.directory));
  await parts.images.layers.create(id, image.id);
  undo.defer(() => parts.images.layers.remove(id));
  await makeVolumes(parts, record, undo);
  const done = await parts.table.change(id, withoutIntent);
  undo.move();
  publishContainerEvent(parts, done, 'create');
  return { id, warnings: warning === undefined ? [] : [warning] };
}

/** Who shares the network of the host or of another container has its name too, as in Docker; '' for a name of one's own. */
function sharedHostname(parts: EngineParts, { networkMode, utsMode }: CreateContainer['spec']): string {
  if (utsMode.kind === 'host') return '';
  if (networkMode.kind === 'host') return hostname();
  return networkMode.kind === 'container' ? parts.table.get(networkMode.id).spec.hostname : '';
}

function freeName(parts: EngineParts, id: string): string {
  for (let attempt = 0; ; attempt++) {
    const name = suggestName(id, attempt);
    if (parts.table.nameTaken(name) === undefined) return name;
  }
}

/** Names of containers to be joined are checked at create, as clients expect; that they run is checked at start. */
function checkJoins(parts: EngineParts, request: CreateContainer): void {
  const { networkMode, ipcMode, pidMode, utsMode } = request.spec;
  for (const mode of [networkMode, ipcMode, pidMode, utsMode]) if (mode.kind === 'container') parts.table.get(mode.id);
  if (networkMode.kind === 'network') parts.network.get(networkMode.name);
  if (networkMode.kind !== 'network') for (const link of request.spec.links) parts.table.get(link.split(':')[0] ?? '');
}

/** Endpoints by the names of their networks, however they were called, and that of the network mode among them when others are asked for. Refuses addresses that a network never gives. */
function canonicalEndpoints(parts: EngineParts, { endpoints, networkMode }: ContainerRecord['spec']): ContainerRecord['spec']['endpoints'] {
  const named = Object.entries(endpoints).map(([name, wish]) => {
    const network = parts.network.get(name);
    refuseForeignAddresses(network, wish);
    return [network.name, wish] as const;
  });
  if (networkMode.kind === 'container') return Object.fromEntries(named);
  const own = parts.network.get(networkMode.kind === 'network' ? networkMode.name : networkMode.kind).name;
  const rest = Object.fromEntries(named);
  if (named.length === 0 && networkMode.kind !== 'network') return rest;
  return { [own]: rest[own] ?? { aliases: [], links: [], driverOptions: {} }, ...rest };
}
