import { posix } from 'node:path';
import { invalid } from '../../base/index.ts';
import type { TreeEntry } from '../../host/index.ts';
import type { CopySource, NamedEntry } from './copy-source.ts';
import { type ParentResult, PathMatcher } from './patterns.ts';

const MAX_LINKS = 40;

interface Node {
  entry: TreeEntry;
  children: Map<string, Node> | undefined;
}

/**
 * A tree that is known without being on the disk as files: names and attributes here, contents in packs. Looking things up
 * costs no file work at all, which is what a build that finds everything in its cache consists of.
 */
export class TreeIndex implements CopySource {
  /** Directory on the host that has the contents which are in no pack. */
  readonly root?: string;
  readonly #implied: TreeEntry;
  readonly #root: Node;
  #count = 0;

  /** `now`, in nanoseconds, is the time of directories that nobody told of. */
  constructor(now: bigint, root?: string) {
    if (root !== undefined) this.root = root;
    this.#implied = { path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, modified: now };
    this.#root = { entry: this.#implied, children: new Map() };
  }

  get size(): number {
    return this.#count;
  }

  /** Adds or replaces; `entry.path` is relative and clean. Missing directories are made; links on the way are not followed: they are in the way. */
  add(entry: TreeEntry): void {
    if (entry.path === '') {
      this.#root.entry = entry;
      return;
    }
    const names = entry.path.split('/');
    const name = names.pop() as string;
    let node = this.#root;
    for (const [depth, part] of names.entries()) node = this.#directory(node, part, names.slice(0, depth + 1), entry.path);
    const children = node.children as Map<string, Node>;
    const there = children.get(name);
    if (there?.children && entry.type === 'directory') {
      there.entry = entry;
      return;
    }
    if (!there) this.#count += 1;
    children.set(name, { entry, children: entry.type === 'directory' ? new Map() : undefined });
  }

  #directory(node: Node, name: string, path: readonly string[], wanted: string): Node {
    const children = node.children as Map<string, Node>;
    let child = children.get(name);
    if (child && !child.children)
      throw invalid(`the entry '${wanted.slice(0, 200)}' lies below '${path.join('/')}', which is not a directory`);
    if (!child) {
      child = { entry: { ...this.#implied, path: path.join('/') }, children: new Map() };
      children.set(name, child);
      this.#count += 1;
    }
    return child;
  }

  get(path: string): TreeEntry | undefined {
    return this.#node(path)?.entry;
  }

  async resolve(path: string): Promise<string | undefined> {
    return this.resolveNow(path);
  }

  /** The path after all links, which lead from the root of the tree; undefined when there is nothing. */
  resolveNow(path: string): string | undefined {
    const todo = path.split('/');
    let done: string[] = [];
    let links = 0;
    while (todo.length > 0) {
      const part = todo.shift() as string;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        done.pop();
        continue;
      }
      const node = this.#node([...done, part].join('/'));
      if (!node) return undefined;
      if (node.entry.type !== 'symlink') {
        done.push(part);
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) throw invalid(`Too many symbolic links in "${path}"`);
      const link = node.entry.link as string;
      if (link.startsWith('/')) done = [];
      todo.unshift(...link.split('/'));
    }
    return done.join('/');
  }

  async names(path: string): Promise<NamedEntry[]> {
    const children = this.#node(path)?.children;
    if (!children) return [];
    return [...children].map(([name, child]) => ({ name, directory: child.children !== undefined })).sort(byName);
  }

  async entry(path: string): Promise<TreeEntry> {
    const node = this.#node(path) as Node;
    return { ...node.entry, path: '' };
  }

  async list(path: string): Promise<TreeEntry[]> {
    const found: TreeEntry[] = [];
    const node = this.#node(path);
    if (node) collect(node, '', found);
    return found;
  }

  /** What is left when these `.dockerignore` lines are heeded. */
  without(patterns: readonly string[]): TreeIndex {
    const matcher = new PathMatcher(patterns);
    if (matcher.empty) return this;
    const left = new TreeIndex(0n, this.root);
    left.add(this.#root.entry);
    keep(this.#root, '', undefined, matcher, left);
    return left;
  }

  #node(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    if (path === '') return node;
    for (const part of path.split('/')) node = node?.children?.get(part);
    return node;
  }
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function sorted(node: Node): [string, Node][] {
  return [...(node.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
}

function collect(node: Node, path: string, found: TreeEntry[]): void {
  found.push({ ...node.entry, path });
  for (const [name, child] of sorted(node)) collect(child, posix.join(path, name), found);
}

function keep(node: Node, path: string, parent: ParentResult | undefined, matcher: PathMatcher, left: TreeIndex): void {
  for (const [name, child] of sorted(node)) {
    const inner = path === '' ? name : `${path}/${name}`;
    const { matched, result } = matcher.match(inner, parent);
    if (!matched) left.add(child.entry);
    // Below what is excluded there may be exceptions; their directories come with them.
    if (child.children && (!matched || matcher.hasExceptions)) keep(child, inner, result, matcher, left);
  }
}
