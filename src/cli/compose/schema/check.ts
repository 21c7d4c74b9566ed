import { Ajv, type ErrorObject } from 'ajv';
import { closest, parseDuration, parseSize } from '../../flags/index.ts';
import type { Fault } from '../document/faults.ts';
import { isMapping, type Mapping, spotAt, spotOf, type Tree } from '../document/tree.ts';
import { file } from './file.ts';
import { service } from './service.ts';
import { orNull, type Schema } from './words.ts';

function reads(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text);
      return true;
    } catch {
      return false;
    }
  };
}

export const TRUTHS: ReadonlySet<string> = new Set(['1', 't', 'true', 'y', 'yes', 'on']);
const UNTRUTHS: ReadonlySet<string> = new Set(['0', 'f', 'false', 'n', 'no', 'off']);

/** What a text of each format looks like, for messages. */
const FORMATS: Readonly<Record<string, { fits: (text: string) => boolean; looks: string }>> = {
  number: { fits: (text) => text.trim() !== '' && Number.isFinite(Number(text)), looks: 'a number' },
  truth: { fits: (text) => TRUTHS.has(text.toLowerCase()) || UNTRUTHS.has(text.toLowerCase()), looks: 'true or false' },
  duration: { fits: (text) => reads(parseDuration)(text) || /^\d+d$/.test(text), looks: 'a time such as 30s or 1m30s' },
  size: { fits: (text) => text === '-1' || reads(parseSize)(text), looks: 'a size such as 512m or 1.5gb' },
  ports: { fits: (text) => /^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(text), looks: 'a port or a range such as 8000-8010' },
  'port mapping': {
    fits: (text) => /^((\[[\da-fA-F:.]+\]|[\da-fA-F:.]+|[\d.]+):)?(\d{0,5}(-\d{1,5})?:)?\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(text),
    looks: '[[host address:][host port]:]port[/protocol], such as "8080:80"',
  },
};

const formats = Object.fromEntries(Object.entries(FORMATS).map(([name, { fits }]) => [name, { type: 'string' as const, validate: fits }]));

type Path = readonly string[];

let shared: Ajv | undefined;
const compiled = new Map<Schema, ReturnType<Ajv['compile']>>();

function compile(schema: Schema): ReturnType<Ajv['compile']> {
  // Optimizing the code takes longer than it will ever save: it checks one file or two.
  shared ??= new Ajv({ allErrors: true, verbose: true, strict: false, messages: false, code: { optimize: false }, formats });
  const known = compiled.get(schema) ?? shared.compile(schema);
  compiled.set(schema, known);
  return known;
}

/** What is wrong with one file by the schema of the Compose Specification, in the order of the file. */
export function check(root: Mapping): Fault[] {
  const faults = checkKeys(file, root, []).map((error) => faultOf(root, error));
  const unique = new Map(faults.map((fault) => [`${fault.place?.from} ${fault.message}`, fault]));
  return [...unique.values()].sort((a, b) => (a.place?.from ?? 0) - (b.place?.from ?? 0));
}

/** Compiling the schema as a whole takes longer (70 ms) than all else that `gantry compose ps` does: only keys that are there are compiled. */
function checkKeys(schema: Schema, tree: Mapping, path: Path): ErrorObject[] {
  const properties = schema['properties'] as Record<string, Schema>;
  return Object.entries(tree).flatMap(([key, value]) => {
    const known = properties[key];
    if (schema === file && key === 'services' && isMapping(value)) return checkServices(value, [key]);
    if (known) return checkValue(known, value, [...path, key]);
    return key.startsWith('x-') ? [] : [unknown(schema, tree, key, path)];
  });
}

function checkServices(tree: Mapping, path: Path): ErrorObject[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    if (!/^[a-zA-Z0-9._-]+$/.test(name)) return [unknown({}, tree, name, path)];
    return isMapping(value) ? checkKeys(service, value, [...path, name]) : checkValue(orNull({ type: 'object' }), value, [...path, name]);
  });
}

function checkValue(schema: Schema, value: Tree, path: Path): ErrorObject[] {
  const validate = compile(schema);
  if (validate(value)) return [];
  return sayable(validate.errors ?? []).map((error) => ({ ...error, instancePath: pointer(path) + error.instancePath }));
}

const unknown = (schema: Schema, data: Mapping, key: string, path: Path): ErrorObject => ({
  keyword: 'additionalProperties',
  params: { additionalProperty: key },
  instancePath: pointer(path),
  schemaPath: '',
  parentSchema: schema,
  data,
});

const pointer = (path: Path) => path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * Of alternatives that all failed, the one that fits the value's kind is what the user meant: its complaints are told. When none
 * fits, the alternatives are told together.
 */
function sayable(errors: readonly ErrorObject[]): ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf');
  const dropped = new Set<ErrorObject>();
  for (const choice of choices) {
    const inner = errors.filter((error) => error !== choice && error.schemaPath.startsWith(`${choice.schemaPath}/`));
    const branchOf = (error: ErrorObject) => error.schemaPath.slice(choice.schemaPath.length + 1).split('/')[0];
    const wrongKind = new Set(
      inner.filter((error) => error.keyword === 'type' && error.instancePath === choice.instancePath).map(branchOf),
    );
    const meant = inner.filter((error) => !wrongKind.has(branchOf(error)));
    for (const error of inner) if (!meant.includes(error)) dropped.add(error);
    if (meant.length > 0) dropped.add(choice);
  }
  return errors.filter((error) => !dropped.has(error));
}

const pathOf = ({ instancePath }: ErrorObject): string[] =>
  instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

function faultOf(root: Mapping, error: ErrorObject): Fault {
  const path = pathOf(error);
  const where = path.length === 0 ? '' : `${showPath(path)}: `;
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params['additionalProperty']);
    const place = spotOf(error.data as object, key)?.key ?? spotAt(root, path)?.key;
    return { place, message: where + unknownKey(key, path, error) };
  }
  return { place: spotAt(root, path)?.[error.keyword === 'required' ? 'key' : 'value'], message: where + complaint(error) };
}

function unknownKey(key: string, path: readonly string[], { parentSchema }: ErrorObject): string {
  const known = Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {});
  if (known.length === 0) return `"${key}" cannot be a name: letters, digits, dots, dashes and underscores can`;
  const near = closest(key, known);
  const hint = near
    ? `did you mean "${near}"?`
    : known.length <= 12
      ? `there are ${known.toSorted().join(', ')}`
      : 'extensions begin with "x-"';
  return `unknown key "${key}"${path.length === 0 ? ' at the top level' : ''}: ${hint}`;
}

export const showPath = (path: readonly (string | number)[]) => path.join('.');

function complaint(error: ErrorObject): string {
  const { keyword, params, data } = error;
  const said = show(data);
  if (keyword === 'required') return `the key "${params['missingProperty']}" is missing`;
  if (keyword === 'type') {
    const types: string[] = [params['type']].flat();
    // `[CMD, true]` and `version: 1.10` mean words that YAML takes for something else.
    const quoted = types.includes('string') && (typeof data === 'boolean' || typeof data === 'number') ? `: write "${data}"` : '';
    return `${said} is not ${kinds(types)}${quoted}`;
  }
  if (keyword === 'enum') return `${said} is none of ${(params['allowedValues'] as string[]).join(', ')}`;
  if (keyword === 'format') return `${said} is not ${FORMATS[String(params['format'])]?.looks}`;
  if (keyword === 'pattern') return `${said} does not fit ${params['pattern']}`;
  if (keyword === 'anyOf') {
    const branches = (error.parentSchema as { anyOf: { type?: string | string[]; enum?: string[] }[] }).anyOf;
    return `${said} is not ${kinds(branches.flatMap(({ type }) => type ?? []))}`;
  }
  return `${said} is not allowed here (${keyword})`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'empty',
};
const kinds = (types: readonly string[]) => [...new Set(types)].map((type) => KINDS[type] ?? type).join(' or ');

function show(data: unknown): string {
  if (data === null) return 'nothing';
  if (Array.isArray(data)) return 'a list';
  return typeof data === 'object' ? 'a mapping' : JSON.stringify(data as Tree);
}
