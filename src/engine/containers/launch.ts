import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { hostname as hostnameOfHost } from 'node:os';
import { join } from 'node:path';
import { conflict, errnoOf, invalid, tearDown } from '../../base/index.ts';
import { mountTmpfs, unmount } from '../../host/index.ts';
import type { ContainerRecord, ContainerState, NamespaceMode } from '../../model/index.ts';
import type { Attachment } from '../../network/index.ts';
import { fileMounts, resolveMounts } from '../mounts/resolve.ts';
import { MountSources } from '../mounts/sources.ts';
import type { EngineParts } from '../parts.ts';
import { linkEntries, linkEnvironment } from './links.ts';

/** The files that the engine writes for a container. */
export function containerFiles(dataRoot: string, id: string) {
  const directory = join(dataRoot, 'containers', id);
  return {
    directory,
    log: join(directory, 'container.log'),
    resolver: join(directory, 'resolv.conf'),
    hostname: join(directory, 'hostname'),
    hosts: join(directory, 'hosts'),
  };
}

/**
 * Makes everything around the process and creates it, stopped before its first instruction. What was made is
 * undone on failure. Resolves to the state that the container will have when it is let go.
 */
export async function launch(parts: EngineParts, record: ContainerRecord): Promise<Partial<ContainerState>> {
  const { id, spec } = record;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => dismantle(parts, record));
  const network = await joinNetwork(parts, record);
  const rootfs = await parts.roots.hold(id, 'run');
  const files = await writeFiles(parts, record, network.attachment);
  await using sources = new MountSources(parts, id);
  const mounts = await resolveMounts(sources, record);
  const sharedMemory = spec.ipcMode.kind === 'shareable' ? await makeSharedMemory(parts, record) : joinedSharedMemory(parts, spec.ipcMode);
  const handle = await parts.runtime.create({
    id,
    spec: { ...spec, environment: [...linkEnvironment(parts.table, record), ...spec.environment] },
    rootfs,
    mounts: [...mounts, ...fileMounts(record, files)],
    networkNamespace: network.namespace,
    ...(network.attachment?.sockets ? { held: network.attachment.sockets } : {}),
    joinPids: {
      ...joinedPid(parts, 'ipc', spec.ipcMode),
      ...joinedPid(parts, 'pid', spec.pidMode),
      ...joinedPid(parts, 'uts', spec.utsMode),
    },
    ...(sharedMemory === undefined ? {} : { sharedMemory }),
  });
  // While a failure can still be undone.
  await sources[Symbol.asyncDispose]();
  undo.move();
  return {
    pid: handle.pid,
    pidStartTime: handle.startTime,
    networkNamespace: network.namespace ?? '',
    endpoints: network.attachment?.endpoints ?? [],
    publishedPorts: network.attachment?.publishedPorts ?? [],
    mounts,
  };
}

/** Takes down everything of one run. Idempotent: serves a failed start, an exit, a removal and reconciliation alike. */
export async function dismantle(parts: EngineParts, record: ContainerRecord): Promise<void> {
  const { id, spec } = record;
  await tearDown(
    () => parts.network.detach(id),
    () => parts.runtime.remove(id),
    () => parts.roots.release(id, 'run'),
    () => tearDown(...volumeNames(record).map((name) => () => parts.volumes.release(name, id))),
    () => (spec.ipcMode.kind === 'shareable' ? dropSharedMemory(parts, id) : undefined),
  );
}

export function volumeNames(record: ContainerRecord): string[] {
  return record.spec.mounts.flatMap((m) => (m.type === 'volume' ? [m.source] : []));
}

/** Whether another container than this one names the volume. */
export function isVolumeOfOthers(parts: EngineParts, { id }: ContainerRecord, name: string): boolean {
  return parts.table.list().some((other) => other.id !== id && usesVolume(other, name));
}

export function usesVolume(record: ContainerRecord, name: string): boolean {
  return volumeNames(record).includes(name);
}

async function joinNetwork(
  parts: EngineParts,
  record: ContainerRecord,
): Promise<{ namespace: string | undefined; attachment: Attachment | undefined }> {
  const mode = record.spec.networkMode;
  if (mode.kind === 'container') {
    const other = running(parts, mode.id, 'network');
    return { namespace: other.spec.networkMode.kind === 'host' ? undefined : `/proc/${other.state.pid}/ns/net`, attachment: undefined };
  }
  const attachment = await parts.network.attach({
    containerId: record.id,
    name: record.name,
    spec: record.spec,
    ...(record.standby ? { standby: true } : {}),
  });
  return { namespace: attachment.namespace || undefined, attachment };
}

async function writeFiles(parts: EngineParts, record: ContainerRecord, attachment: Attachment | undefined) {
  const mode = record.spec.networkMode;
  if (mode.kind === 'container') return containerFiles(parts.dataRoot, running(parts, mode.id, 'network').id);
  const files = containerFiles(parts.dataRoot, record.id);
  const hostname = record.spec.hostname || hostnameOfHost();
  await mkdir(files.directory, { recursive: true, mode: 0o710 });
  const [resolver, hosts] = await Promise.all([
    parts.network.resolverFile(record.spec, attachment),
    parts.network.hostsFile(record.spec, attachment, hostname, linkEntries(parts.table, record)),
  ]);
  await Promise.all([
    writeFile(files.resolver, resolver, { mode: 0o644 }),
    writeFile(files.hosts, hosts, { mode: 0o644 }),
    writeFile(files.hostname, `${hostname}\n`, { mode: 0o644 }),
  ]);
  return files;
}

function running(parts: EngineParts, reference: string, what: string): ContainerRecord {
  const other = parts.table.get(reference);
  if (other.state.pid === 0)
    throw conflict(
      `cannot join the ${what} namespace of container ${reference}: it is not running`,
      `Start it first: gantry start ${other.name}`,
    );
  return other;
}

function joinedPid(parts: EngineParts, kind: 'ipc' | 'pid' | 'uts', mode: NamespaceMode): Partial<Record<'ipc' | 'pid' | 'uts', number>> {
  return mode.kind === 'container' ? { [kind]: running(parts, mode.id, kind).state.pid } : {};
}

const sharedMemoryPath = (execRoot: string, id: string) => join(execRoot, 'shm', id);

/** A tmpfs on the host, since others can join it only when it lives there. */
async function makeSharedMemory(parts: EngineParts, record: ContainerRecord): Promise<string> {
  const path = sharedMemoryPath(parts.execRoot, record.id);
  await mkdir(path, { recursive: true, mode: 0o700 });
  mountTmpfs(path, { size: record.spec.shmSize, mode: 0o1777, noexec: true });
  return path;
}

function joinedSharedMemory(parts: EngineParts, mode: NamespaceMode): string | undefined {
  if (mode.kind !== 'container') return undefined;
  const other = running(parts, mode.id, 'ipc');
  if (other.spec.ipcMode.kind !== 'shareable') {
    throw invalid(`cannot join IPC of container ${mode.id}: it is not shareable`, 'Start that container with --ipc shareable.');
  }
  return sharedMemoryPath(parts.execRoot, other.id);
}

async function dropSharedMemory(parts: EngineParts, id: string): Promise<void> {
  const path = sharedMemoryPath(parts.execRoot, id);
  await unmount(path, { lazy: true });
  await rmdir(path).catch((error) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
