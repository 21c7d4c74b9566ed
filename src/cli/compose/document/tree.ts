/** A text that people wrote, for messages about it. */
export interface Source {
  /** As messages name it. */
  readonly name: string;
  readonly text: string;
}

/** A stretch of a source: offsets in UTF-16 units, the end exclusive. */
export interface Place {
  readonly source: Source;
  readonly from: number;
  readonly to: number;
}

export type Scalar = string | number | boolean | null;
export type Tree = Scalar | Tree[] | Mapping;
export interface Mapping {
  [key: string]: Tree;
}

/** Where an entry of a mapping or sequence was written. */
export interface Spot {
  readonly key: Place;
  readonly value: Place;
  /** The tag `!override`: the value replaces what earlier files say rather than joining it. */
  readonly override?: boolean;
}

const SPOTS = Symbol('spots');
const RESETS = Symbol('resets');

type Marked = { [SPOTS]?: Map<string, Spot>; [RESETS]?: Set<string> };

function hidden<T>(container: object, name: typeof SPOTS | typeof RESETS, make: () => T): T {
  const marked = container as Record<symbol, T>;
  // Not enumerable: whoever walks, compares or prints the tree sees values only.
  if (marked[name] === undefined) Object.defineProperty(container, name, { value: make(), enumerable: false });
  return marked[name] as T;
}

export function setSpot(container: object, key: string | number, spot: Spot | undefined): void {
  if (spot) hidden(container, SPOTS, () => new Map<string, Spot>()).set(String(key), spot);
}

export const spotOf = (container: object, key: string | number): Spot | undefined => (container as Marked)[SPOTS]?.get(String(key));

/** Marks a key with the tag `!reset`: what earlier files say of it goes. */
export function markReset(container: object, key: string): void {
  hidden(container, RESETS, () => new Set<string>()).add(key);
}

export const resetsOf = (container: object): ReadonlySet<string> => (container as Marked)[RESETS] ?? new Set();

export const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A new container whose entries are known to come from where those of `from` did. */
export function withSpots<T extends object>(made: T, from: object): T {
  for (const [key, spot] of (from as Marked)[SPOTS] ?? []) setSpot(made, key, spot);
  for (const key of resetsOf(from)) markReset(made, key);
  return made;
}

/** The spot of a path from the root; the nearest one above it when it has none of its own. */
export function spotAt(root: Tree, path: readonly (string | number)[]): Spot | undefined {
  let at: Tree | undefined = root;
  let nearest: Spot | undefined;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) break;
    nearest = spotOf(at, key) ?? nearest;
    at = (at as Record<string | number, Tree>)[key];
  }
  return nearest;
}
