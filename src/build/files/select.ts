import { posix } from 'node:path';
import { notFound } from '../../base/index.ts';
import type { PlaceItem, TreeEntry } from '../../host/index.ts';
import type { CopySource } from './copy-source.ts';
import { hasWildcards, nameMatcher, type ParentResult, PathMatcher, unescaped } from './patterns.ts';

export interface Selection {
  /** Real path in the source. */
  path: string;
  /** Base name as it was asked for. */
  name: string;
  entries: TreeEntry[];
}

export interface SelectOptions {
  label: string;
  exclude: readonly string[];
  parents: boolean;
}

/** What one source of a COPY means, wildcards and all. A path without wildcards that is not there is `notFound`. */
export async function select(source: CopySource, written: string, options: SelectOptions): Promise<Selection[]> {
  if (options.parents) return selectWithParents(source, written, options);
  const exclude = new PathMatcher(options.exclude);
  const found: Selection[] = [];
  for (const { path, real } of await matching(source, written, options.label)) {
    const entries = withoutExcluded(await source.list(real), exclude);
    found.push({ path: real, name: posix.basename(`/${path}`), entries });
  }
  return found;
}

/** Paths as matched, and after all links. */
async function matching(source: CopySource, written: string, label: string): Promise<{ path: string; real: string }[]> {
  const parts = clean(written).split('/');
  const first = parts.findIndex(hasWildcards);
  if (first < 0) {
    const path = unescaped(parts.join('/'));
    return [{ path, real: await resolved(source, path, label) }];
  }
  let level = [{ path: await source.resolve(unescaped(parts.slice(0, first).join('/'))), directory: true }];
  if (level[0]?.path === undefined) throw missing(parts.slice(0, first).join('/'), label);
  for (const part of parts.slice(first)) {
    const matches = nameMatcher(part);
    const next: { path: string; directory: boolean }[] = [];
    for (const { path, directory } of level) {
      if (!directory) continue;
      for (const child of await source.names(path as string))
        if (matches(child.name)) next.push({ path: posix.join(path as string, child.name), directory: child.directory });
    }
    level = next;
  }
  if (level.length === 0) throw missing(written, label);
  return Promise.all(level.map(async ({ path }) => ({ path: path as string, real: await resolved(source, path as string, label) })));
}

async function resolved(source: CopySource, path: string, label: string): Promise<string> {
  const real = await source.resolve(path);
  if (real === undefined) throw missing(path, label);
  return real;
}

/** `COPY --parents a/./b*`: what is left of `/./` is where the paths begin that are kept. */
async function selectWithParents(source: CopySource, written: string, options: SelectOptions): Promise<Selection[]> {
  const pivot = written.indexOf('/./');
  const from = pivot < 0 ? '' : clean(written.slice(0, pivot));
  const pattern = clean(pivot < 0 ? written : written.slice(pivot + 3));
  if (!hasWildcards(from) && !hasWildcards(pattern)) await resolved(source, posix.join(from, unescaped(pattern)), options.label);
  const exclude = new PathMatcher(options.exclude);
  const found: Selection[] = [];
  for (const { path, real } of await matching(source, from, options.label)) {
    const all = pattern === '' ? await source.list(real) : await listAlong(source, real, pattern);
    const entries = withoutExcluded(pattern === '' ? all : onlyIncluded(all, new PathMatcher([pattern])), exclude);
    found.push({ path: real, name: posix.basename(`/${path}`), entries });
  }
  return found;
}

/** The directories that lead to the first wildcard, and all below: so much can match. */
async function listAlong(source: CopySource, base: string, pattern: string): Promise<TreeEntry[]> {
  const entries = [await source.entry(base)];
  const parts = pattern.split('/');
  const first = parts.findIndex(hasWildcards);
  const literal = (first < 0 ? parts : parts.slice(0, first)).map(unescaped);
  let at = '';
  for (const [index, part] of literal.entries()) {
    const inside = await source.names(joined(base, at));
    const child = inside.find(({ name }) => name === part);
    if (!child) return entries;
    at = posix.join(at, part);
    if (!child.directory || index === literal.length - 1) return [...entries, ...(await below(source, base, at))];
    entries.push({ ...(await source.entry(joined(base, at))), path: at });
  }
  return source.list(base);
}

async function below(source: CopySource, base: string, path: string): Promise<TreeEntry[]> {
  return (await source.list(joined(base, path))).map((entry) => ({
    ...entry,
    path: entry.path === '' ? path : `${path}/${entry.path}`,
  }));
}

/** Like join, but the root stays '' where join would say '.'. */
const joined = (base: string, path: string): string => (base === '' || path === '' ? base + path : posix.join(base, path));

/** What matches, and the directories that it is in: those keep what they are when they exist already. */
function onlyIncluded(entries: readonly TreeEntry[], include: PathMatcher): TreeEntry[] {
  const results = new Map<string, ParentResult>();
  const left: TreeEntry[] = [];
  let waiting: TreeEntry[] = [];
  for (const entry of entries) {
    if (entry.path === '') {
      left.push(entry);
      continue;
    }
    waiting = waiting.filter(({ path }) => entry.path.startsWith(`${path}/`));
    const { matched, result } = include.match(entry.path, results.get(posix.dirname(entry.path)));
    if (entry.type === 'directory') results.set(entry.path, result);
    if (matched) {
      left.push(...waiting, entry);
      waiting = [];
    } else if (entry.type === 'directory') waiting.push({ ...entry, onlyIfMissing: true });
  }
  return left;
}

function withoutExcluded(entries: readonly TreeEntry[], exclude: PathMatcher): TreeEntry[] {
  if (exclude.empty) return [...entries];
  const results = new Map<string, ParentResult>();
  const left: TreeEntry[] = [];
  let waiting: TreeEntry[] = [];
  for (const entry of entries) {
    if (entry.path === '') {
      left.push(entry);
      continue;
    }
    waiting = waiting.filter(({ path }) => entry.path.startsWith(`${path}/`));
    const { matched, result } = exclude.match(entry.path, results.get(posix.dirname(entry.path)));
    if (entry.type === 'directory') results.set(entry.path, result);
    if (!matched) {
      left.push(...waiting, entry);
      waiting = [];
    } else if (entry.type === 'directory') waiting.push({ ...entry, onlyIfMissing: true });
  }
  return left;
}

/** Relative, without `..` that would lead out of the root. */
export const clean = (path: string): string => posix.normalize(`/${path}`).slice(1).replace(/\/+$/, '');

function missing(path: string, label: string) {
  return notFound(
    `failed to compute cache key: failed to calculate checksum of ref ${label.replaceAll(' ', '-')}: "/${clean(path)}": not found`,
    `Is it there, and not excluded by a .dockerignore? Looked for in ${label}.`,
  );
}

/** An item to place; the mode that was asked for is put in. */
export function itemOf(source: CopySource, selected: Selection, destination: string, mode: (entry: TreeEntry) => number): PlaceItem {
  return {
    destination,
    name: selected.name,
    entries: selected.entries.map((entry) => ({ ...entry, mode: mode(entry) })),
    ...(source.root === undefined ? {} : { sourceRoot: source.root }),
    sourcePath: selected.path,
  };
}
