import { chmodSync, chownSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { describe, GantryError, notFound } from '../../base/index.ts';
import { mountOverlay, mountTmpfs, removeTree, resolveInRoot, statInRoot, unmount } from '../../host/index.ts';
import type { ResolvedMount } from '../../model/index.ts';
import type { SourceTree } from '../files/files.ts';
import type { BuildParts } from '../parts.ts';
import type { RunMount } from '../plan/plan.ts';
import type { MountTarget } from './mount-points.ts';
import type { RunRequest } from './run.ts';

/** Files that a mount shows: a tree, and the identity of the part that counts. */
export interface MountedSource {
  tree: SourceTree;
  digest: string;
}

export interface PreparedMounts extends AsyncDisposable {
  mounts: ResolvedMount[];
  /** What must exist in the root to be mounted on. */
  targets: MountTarget[];
  /** The work's own, with what secrets and agents add. */
  environment: string[];
}

interface Setting {
  parts: BuildParts;
  request: RunRequest;
  folder: string;
  undo: AsyncDisposableStack;
  signal: AbortSignal;
  result: Omit<PreparedMounts, keyof AsyncDisposable>;
  /** A tmpfs for secrets, made when the first is there. */
  secrets: string | undefined;
}

/** Makes everything that the step's mounts show. Disposing takes it away again. */
export async function prepareMounts(parts: BuildParts, request: RunRequest, folder: string, signal: AbortSignal): Promise<PreparedMounts> {
  await using undo = new AsyncDisposableStack();
  const result = { mounts: [], targets: [], environment: [...request.work.proxyEnvironment, ...request.work.environment] };
  const setting: Setting = { parts, request, folder, undo, signal, result, secrets: undefined };
  for (const [index, mount] of request.work.mounts.entries()) await prepare(setting, mount, index);
  addHeredocs(setting);
  setting.result.targets = setting.result.targets.filter(({ path }) => !isCovered(path, setting.result.mounts));
  const made = undo.move();
  return { ...result, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

async function prepare(setting: Setting, mount: RunMount, index: number): Promise<void> {
  switch (mount.type) {
    case 'bind':
      return prepareBind(setting, mount, index);
    case 'cache':
      return prepareCache(setting, mount, index);
    case 'tmpfs':
      return prepareTmpfs(setting, mount);
    case 'secret':
      return prepareSecret(setting, mount, index);
    case 'ssh':
      return prepareAgent(setting, mount, index);
  }
}

type Mount<T extends RunMount['type']> = Extract<RunMount, { type: T }>;

function add(setting: Setting, target: string, type: MountTarget['type'], mount: Omit<ResolvedMount, 'target'>): void {
  setting.result.mounts.push({ ...mount, target });
  setting.result.targets.push({ path: target, type });
}

async function prepareBind(setting: Setting, mount: Mount<'bind'>, index: number): Promise<void> {
  const source = await sourcePath(setting, mount.sourcePath, index);
  const directory = statSync(source).isDirectory();
  const type = directory ? 'directory' : 'file';
  if (mount.readOnly) return add(setting, mount.target, type, { type: 'bind', source, options: ['rbind', 'ro'] });
  // What is written is thrown away.
  const place = join(setting.parts.scratch, `${setting.parts.ids.next().slice(0, 20)}`);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  setting.undo.defer(() => removeTree(setting.parts.scratch, place));
  const shown = directory ? overlayOn(setting, source, place) : copyOf(source, place);
  add(setting, mount.target, type, { type: 'bind', source: shown, options: ['rbind'] });
}

function overlayOn(setting: Setting, source: string, place: string): string {
  const [upper, work, target] = ['upper', 'work', 'merged'].map((name) => join(place, name)) as [string, string, string];
  for (const directory of [upper, work, target]) mkdirSync(directory, { mode: 0o755 });
  const { mode, uid, gid } = statSync(source);
  chownSync(upper, uid, gid);
  chmodSync(upper, mode & 0o7777);
  mountOverlay({ lower: [source], upper, work, target });
  setting.undo.defer(() => unmount(target, { lazy: true }));
  return target;
}

function copyOf(source: string, place: string): string {
  const copy = join(place, 'file');
  const { mode, uid, gid } = statSync(source);
  copyFileSync(source, copy);
  chownSync(copy, uid, gid);
  chmodSync(copy, mode & 0o7777);
  return copy;
}

/** Links are resolved inside the tree; nobody writes there meanwhile. */
async function sourcePath(setting: Setting, path: string, index: number): Promise<string> {
  const source = setting.request.sources[index];
  if (!source) throw new GantryError('internal', `The mount of ${path} has no source`);
  const root = await source.tree.root();
  if (!statInRoot(root, path)) throw notFound(`failed to calculate checksum: ${JSON.stringify(path)}: not found`);
  return join(root, resolveInRoot(root, path));
}

async function prepareCache(setting: Setting, mount: Mount<'cache'>, index: number): Promise<void> {
  const { id, sharing, mode, uid, gid } = mount;
  const source = setting.request.sources[index];
  const held = await setting.parts.mounts.acquire(
    {
      id,
      sharing,
      mode,
      uid,
      gid,
      ...(source ? { seed: { identity: source.digest, root: await source.tree.root(), path: mount.sourcePath } } : {}),
    },
    setting.signal,
  );
  setting.undo.defer(() => held.release());
  add(setting, mount.target, 'directory', { type: 'bind', source: held.path, options: ['rbind', ...(mount.readOnly ? ['ro'] : [])] });
}

function prepareTmpfs(setting: Setting, mount: Mount<'tmpfs'>): void {
  const options = ['nosuid', 'nodev', 'mode=1777', ...(mount.size === undefined ? [] : [`size=${mount.size}`])];
  add(setting, mount.target, 'directory', { type: 'tmpfs', source: 'tmpfs', options });
}

async function prepareSecret(setting: Setting, mount: Mount<'secret'>, index: number): Promise<void> {
  const data = await setting.request.client.secret(mount.id, setting.signal);
  if (data === undefined) {
    if (mount.required) throw notFound(`secret ${mount.id}: not found`);
    return;
  }
  if (mount.variable !== undefined) setting.result.environment.push(`${mount.variable}=${Buffer.from(data).toString('utf8')}`);
  if (mount.target === undefined) return;
  const file = join(secretFolder(setting), String(index));
  writeFileSync(file, data, { mode: 0o600, flag: 'wx' });
  chownSync(file, mount.uid, mount.gid);
  chmodSync(file, mount.mode);
  add(setting, mount.target, 'file', { type: 'bind', source: file, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] });
}

/** Memory only: a secret never reaches a disk. */
function secretFolder(setting: Setting): string {
  if (setting.secrets !== undefined) return setting.secrets;
  const folder = join(setting.folder, 'secrets');
  mkdirSync(folder, { mode: 0o700 });
  mountTmpfs(folder, { mode: 0o700, noexec: true });
  setting.undo.defer(() => unmount(folder, { lazy: true }));
  setting.secrets = folder;
  return folder;
}

async function prepareAgent(setting: Setting, mount: Mount<'ssh'>, index: number): Promise<void> {
  const { client } = setting.request;
  try {
    await client.checkSshAgent(mount.id, setting.signal);
  } catch (error) {
    if (mount.required) throw error;
    return;
  }
  const socket = join(setting.folder, `ssh-${index}`);
  await relay(setting, mount.id, socket);
  chownSync(socket, mount.uid, mount.gid);
  chmodSync(socket, mount.mode);
  add(setting, mount.target, 'file', { type: 'bind', source: socket, options: ['bind'] });
  if (!setting.result.environment.some((entry) => entry.startsWith('SSH_AUTH_SOCK=')))
    setting.result.environment.push(`SSH_AUTH_SOCK=${mount.target}`);
}

/** Each connection to the socket becomes one to the client's agent. */
async function relay(setting: Setting, id: string, socket: string): Promise<void> {
  const { parts, request, signal } = setting;
  const open = new Set<{ destroy(): void }>();
  const server = createServer((connection) => {
    open.add(connection);
    connection.on('close', () => open.delete(connection));
    connection.on('error', () => connection.destroy());
    request.client.connectSshAgent(id, signal).then(
      (agent) => {
        pipeline(connection, agent, () => undefined);
        pipeline(agent, connection, () => connection.destroy());
      },
      (error) => {
        parts.log.warn("a build's connection to the client's SSH agent failed", { error: describe(error) });
        connection.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  setting.undo.defer(
    () =>
      new Promise<void>((resolve) => {
        for (const connection of open) connection.destroy();
        server.close(() => resolve());
      }),
  );
}

function addHeredocs(setting: Setting): void {
  for (const [index, file] of setting.request.work.files.entries()) {
    const source = join(setting.folder, `file-${index}`);
    writeFileSync(source, file.content, { mode: 0o600, flag: 'wx' });
    chmodSync(source, file.mode);
    add(setting, file.path, 'file', { type: 'bind', source, options: ['bind', 'ro'] });
  }
}

/** What lies below another mount is made there by the runtime, not in the root. */
function isCovered(path: string, mounts: readonly ResolvedMount[]): boolean {
  const above = ['/dev', '/proc', '/sys', ...mounts.map(({ target }) => target.replace(/\/+$/, ''))];
  return above.some((target) => path.startsWith(`${target}/`) && path !== target);
}
