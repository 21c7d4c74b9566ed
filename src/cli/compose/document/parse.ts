import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type ScalarTag,
} from 'yaml';
import { ComposeFailure, type Fault, fail } from './faults.ts';
import { isMapping, type Mapping, markReset, type Place, type Source, setSpot, spotOf, type Tree, withSpots } from './tree.ts';

/** Nodes of one file after its aliases are written out: enough for any project, and no bomb. */
const MOST_NODES = 200_000;

/** `mode: 0440` is octal in files of Compose, as it was in YAML 1.1. */
const octal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^0[0-7]+$/,
  resolve: (text: string) => Number.parseInt(text, 8),
};

/** Reads one YAML file into plain values that know their places. Throws `ComposeFailure`. */
export function parse(source: Source): Mapping {
  const documents = parseAllDocuments(source.text, {
    lineCounter: new LineCounter(),
    prettyErrors: false,
    customTags: (tags) => [octal, ...tags],
    logLevel: 'silent',
  });
  if (!Array.isArray(documents)) return {};
  const faults: Fault[] = documents.flatMap(({ errors }) =>
    errors.map(({ message, pos: [from, to] }) => ({ place: { source, from, to }, message: `this is not YAML: ${message}` })),
  );
  if (faults.length > 0) throw new ComposeFailure(faults);
  const [document, second] = documents.filter(({ contents }) => contents !== null);
  if (second) fail(placeOf(source, second.contents), 'a file holds one document only');
  if (!document) return {};
  const root = new Reader(source, document as Document).read(document.contents as Node);
  if (!isMapping(root)) return fail(placeOf(source, document.contents), 'the top level must be a mapping such as "services:"');
  return root;
}

function placeOf(source: Source, node: unknown): Place {
  const range = (node as Node | null | undefined)?.range;
  return { source, from: range?.[0] ?? 0, to: range?.[1] ?? 0 };
}

class Reader {
  #nodes = 0;
  #open = new Set<Node>();
  readonly #source: Source;
  readonly #document: Document;

  constructor(source: Source, document: Document) {
    this.#source = source;
    this.#document = document;
  }

  read(node: Node | null): Tree {
    this.#nodes += 1;
    if (this.#nodes > MOST_NODES)
      fail(placeOf(this.#source, node), `this file has more than ${MOST_NODES} values with its aliases written out`);
    if (node === null) return null;
    if (isAlias(node)) return this.#follow(node);
    if (isScalar(node)) return this.#scalar(node.value, node);
    if (this.#open.has(node)) fail(placeOf(this.#source, node), 'an anchor holds itself');
    this.#open.add(node);
    const made = isMap(node)
      ? this.#mapping(node.items as Pair<Node, Node | null>[])
      : isSeq(node)
        ? this.#sequence(node.items as Node[])
        : null;
    this.#open.delete(node);
    return made;
  }

  #follow(alias: Alias): Tree {
    const target = alias.resolve(this.#document);
    return target
      ? this.read(target as Node)
      : fail(placeOf(this.#source, alias), `there is no anchor "&${alias.source}" before this alias`);
  }

  #scalar(value: unknown, node: Node): Tree {
    if (typeof value === 'bigint') return String(value);
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as Tree;
    return fail(placeOf(this.#source, node), 'this kind of value has no meaning here');
  }

  #sequence(items: readonly Node[]): Tree {
    const made: Tree[] = [];
    items.forEach((item, at) => {
      made.push(this.read(isPair(item) ? null : item));
      const place = placeOf(this.#source, item);
      setSpot(made, at, { key: place, value: place });
    });
    return made;
  }

  #mapping(pairs: readonly Pair<Node, Node | null>[]): Mapping {
    const made: Mapping = {};
    // Merged keys first: those that are written out win, wherever the `<<` stands.
    for (const { key, value } of pairs) if (isMergeKey(key)) this.#merge(made, value);
    for (const { key, value } of pairs) if (!isMergeKey(key)) this.#entry(made, key, value);
    return made;
  }

  #entry(made: Mapping, key: Node, value: Node | null): void {
    const keyPlace = placeOf(this.#source, key);
    if (!isScalar(key)) return fail(keyPlace, 'a key must be a plain word');
    const name = String(key.value ?? '');
    if (name === '__proto__') fail(keyPlace, `"${name}" cannot be a key`);
    const tag = value?.tag;
    if (tag === '!reset') {
      delete made[name];
      markReset(made, name);
      return;
    }
    if (tag?.startsWith('!') && tag !== '!override')
      fail(placeOf(this.#source, value), `the tag ${tag} is not known: there are !reset and !override`);
    made[name] = this.read(value);
    const place = value ? placeOf(this.#source, value) : keyPlace;
    setSpot(made, name, { key: keyPlace, value: place, ...(tag === '!override' ? { override: true } : {}) });
  }

  #merge(made: Mapping, value: Node | null): void {
    const merged = this.read(value);
    // Of several, the first that has a key wins.
    for (const one of Array.isArray(merged) ? merged.toReversed() : [merged]) {
      if (!isMapping(one)) return fail(placeOf(this.#source, value), 'a merge key (<<) takes a mapping or a list of them');
      for (const [key, inner] of Object.entries(one)) {
        made[key] = copy(inner);
        setSpot(made, key, spotOf(one, key));
      }
    }
  }
}

const isMergeKey = (key: Node) => isScalar(key) && key.value === '<<' && key.type === 'PLAIN';

function copy(tree: Tree): Tree {
  if (Array.isArray(tree)) return withSpots(tree.map(copy), tree);
  return isMapping(tree) ? withSpots(Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, copy(value)])), tree) : tree;
}
