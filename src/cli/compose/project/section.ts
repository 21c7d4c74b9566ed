import { parseDuration, parseSize } from '../../flags/index.ts';
import { isMapping, type Mapping, type Place, spotOf, type Tree } from '../document/tree.ts';
import { TRUTHS } from '../schema/check.ts';

/** Reads the values of one mapping that the schema has checked, in the types that they mean. Absent keys read as undefined. */
export class Section {
  readonly tree: Mapping;

  constructor(tree: Tree | undefined) {
    this.tree = isMapping(tree) ? tree : {};
  }

  has(key: string): boolean {
    return this.tree[key] !== undefined && this.tree[key] !== null;
  }

  text(key: string): string | undefined {
    return this.has(key) ? String(this.tree[key]) : undefined;
  }

  number(key: string): number | undefined {
    return this.has(key) ? Number(this.tree[key]) : undefined;
  }

  truth(key: string): boolean | undefined {
    return this.has(key) ? TRUTHS.has(String(this.tree[key]).toLowerCase()) : undefined;
  }

  /** Bytes. */
  size(key: string): number | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : text === '-1' ? -1 : parseSize(text);
  }

  /** Nanoseconds. */
  duration(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const days = /^(\d+)d$/.exec(text)?.[1];
    return days === undefined ? parseDuration(text) : Number(days) * 86_400e9;
  }

  /** [] when absent. */
  texts(key: string): string[] {
    const value = this.tree[key];
    return Array.isArray(value) ? value.map(String) : this.has(key) ? [String(value)] : [];
  }

  section(key: string): Section {
    return new Section(this.tree[key]);
  }

  sections(key: string): Section[] {
    const value = this.tree[key];
    return Array.isArray(value) ? value.map((one) => new Section(one)) : [];
  }

  /** Names and values as texts; null values as ''. */
  pairs(key: string): Record<string, string> {
    return Object.fromEntries(this.entries(key).map(([name, value]) => [name, value === null ? '' : String(value)]));
  }

  entries(key: string): [string, Tree][] {
    return Object.entries(this.section(key).tree);
  }

  place(key: string): Place | undefined {
    return spotOf(this.tree, key)?.value;
  }
}
