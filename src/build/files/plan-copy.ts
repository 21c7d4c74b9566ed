import { createHash } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { invalid } from '../../base/index.ts';
import { type PlaceItem, placeFiles, type TreeEntry } from '../../host/index.ts';
import type { CopyWork } from '../plan/plan.ts';
import { lookUpOwner } from '../steps/owner.ts';
import { type Archive, archiveIn, unpackArchive } from './archive.ts';
import { modeChange } from './chmod.ts';
import { type CopySource, copySource } from './copy-source.ts';
import type { CopyOptions, CopyPlan, SourceTree } from './files.ts';
import { itemOf, select } from './select.ts';

/** One thing to do, in order: put files there, or unpack an archive there. */
type Action = { kind: 'place'; item: PlaceItem } | { kind: 'unpack'; archive: Archive; destination: string };

export async function planCopy(work: CopyWork, tree: SourceTree, options: CopyOptions, signal: AbortSignal): Promise<CopyPlan> {
  const change = modeChange(work.chmod);
  const planning: Planning = { work, options, signal, change, actions: [] };
  const local = work.paths.filter((path) => work.instruction === 'COPY' || !isRemote(path));
  const source = local.length > 0 ? await copySource(tree) : undefined;
  let number = 0;
  for (const path of work.paths) {
    number += 1;
    if (!local.includes(path)) await addRemote(planning, path, number);
    else await addLocal(planning, source as CopySource, path, tree.label);
  }
  for (const heredoc of work.heredocs) await addHeredoc(planning, heredoc, ++number);
  return { digest: digestOfActions(work, planning.actions), apply: (root, applySignal) => applyActions(planning, root, applySignal) };
}

interface Planning {
  work: CopyWork;
  options: CopyOptions;
  signal: AbortSignal;
  change: ReturnType<typeof modeChange>;
  actions: Action[];
}

/** A URL or a git reference, rather than a path in the source. */
export function isRemote(path: string): boolean {
  return /^(https?|git|ssh):\/\//i.test(path) || /^[a-zA-Z0-9_.-]+@[^/:]+:/.test(path);
}

async function addLocal(planning: Planning, source: CopySource, path: string, label: string): Promise<void> {
  const { work, actions, change, options } = planning;
  const unpack = work.unpack ?? work.instruction === 'ADD';
  for (const selected of await select(source, path, { label, exclude: work.exclude, parents: work.parents })) {
    const top = selected.entries[0];
    const archive = unpack && top?.type === 'file' ? await archiveIn(source, selected.path, top) : undefined;
    if (archive) actions.push({ kind: 'unpack', archive, destination: work.destination });
    else actions.push({ kind: 'place', item: itemOf(source, bounded(selected, options), work.destination, (entry) => change.of(entry)) });
  }
}

/** No time is later than the epoch that was asked for. */
function bounded<T extends { entries: TreeEntry[] }>(selected: T, options: CopyOptions): T {
  if (options.sourceDateEpoch === undefined) return selected;
  const latest = BigInt(options.sourceDateEpoch) * 1_000_000_000n;
  return { ...selected, entries: selected.entries.map((entry) => (entry.modified > latest ? { ...entry, modified: latest } : entry)) };
}

async function addHeredoc(planning: Planning, heredoc: { name: string; content: string }, number: number): Promise<void> {
  const pack = join(planning.options.scratch, `heredoc-${number}`);
  await writeFile(pack, heredoc.content, { mode: 0o600 });
  const { mtimeMs, size } = await stat(pack);
  const digest = createHash('sha256').update(heredoc.content).digest('hex');
  const modified = BigInt(Math.trunc(mtimeMs)) * 1_000_000n;
  addFile(planning, posix.basename(heredoc.name), {
    path: '',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    modified,
    digest,
    pack,
    offset: 0,
  });
}

function addFile(planning: Planning, name: string, entry: TreeEntry): void {
  const { work, change, actions, options } = planning;
  const { entries } = bounded({ entries: [{ ...entry, mode: change.of(entry) }] }, options);
  actions.push({ kind: 'place', item: { destination: work.destination, name, entries, sourcePath: '' } });
}

async function addRemote(planning: Planning, path: string, number: number): Promise<void> {
  const { fetchRemote } = await import('./remote.ts');
  const { work, options, signal } = planning;
  const fetched = await fetchRemote(path, {
    folder: join(options.scratch, `remote-${number}`),
    checksum: work.checksum,
    keepGitDir: work.keepGitDir,
    signal,
  });
  if (fetched.kind === 'file') {
    const archive = work.unpack === true ? await archiveIn({} as CopySource, '', fetched.entry) : undefined;
    if (archive) planning.actions.push({ kind: 'unpack', archive, destination: work.destination });
    else addFile(planning, fetched.name, fetched.entry);
    return;
  }
  const source = await copySource({ label: path, root: async () => fetched.root, knownDigest: () => undefined });
  for (const selected of await select(source, '/', { label: path, exclude: work.exclude, parents: false }))
    planning.actions.push({
      kind: 'place',
      item: itemOf(
        source,
        bounded({ ...selected, entries: selected.entries.map((entry) => ({ ...entry, uid: 0, gid: 0 })) }, options),
        work.destination,
        (entry) => planning.change.of(entry),
      ),
    });
}

async function applyActions(planning: Planning, root: string, signal: AbortSignal): Promise<void> {
  const { work, actions, change } = planning;
  const owner = work.chown === undefined || work.chown === '' ? undefined : ownerOf(root, work.chown);
  const common = { root, parentMode: change.fixed ?? 0o755, signal, ...(owner ? { owner } : {}) };
  let together: PlaceItem[] = [];
  const flush = async () => {
    if (together.length > 0) await placeFiles({ ...common, items: together });
    together = [];
  };
  for (const action of actions) {
    if (action.kind === 'place') {
      together.push(action.item);
      continue;
    }
    await flush();
    await unpackArchive(action.archive, action.destination, common);
  }
  await flush();
}

/** A user without a group takes the group of the same number, as COPY has it: the one of passwd when it is a name. */
function ownerOf(root: string, chown: string): { uid: number; gid: number } {
  const [user = '', group] = chown.split(':', 2);
  if (user === '') throw invalid(`invalid --chown "${chown}": the user is missing`);
  if (group === undefined && /^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  return lookUpOwner(root, chown);
}

/** All that reaches the root, but for times. */
function digestOfActions(work: CopyWork, actions: readonly Action[]): string {
  const hash = createHash('sha256');
  const add = (...values: unknown[]) => hash.update(`${JSON.stringify(values)}\n`);
  add(work.destination, work.chown ?? '', work.chmod ?? '');
  for (const action of actions) {
    if (action.kind === 'unpack') {
      add('unpack', action.destination, action.archive.entry.digest);
      continue;
    }
    const { item } = action;
    add('place', item.destination, item.entries[0]?.type === 'directory' ? '' : item.name);
    addEntries(add, item.entries);
  }
  return `sha256:${hash.digest('hex')}`;
}

export function addEntries(add: (...values: unknown[]) => void, entries: readonly TreeEntry[]): void {
  const groups = new Map<string, number>();
  for (const entry of entries) {
    const { path, type, mode, uid, gid, link, device, digest, xattrs, inode } = entry;
    let group: number | undefined;
    if (inode !== undefined) {
      group = groups.get(inode) ?? groups.size;
      groups.set(inode, group);
    }
    const attributes = xattrs?.map(([name, value]) => [name, Buffer.from(value).toString('base64')]).sort();
    add(path, type, type === 'symlink' ? 0 : mode, uid, gid, link ?? device ?? digest, attributes, group, entry.onlyIfMissing);
  }
}
