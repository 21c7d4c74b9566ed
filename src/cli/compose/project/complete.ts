import { isMapping, type Mapping, type Tree, withSpots } from '../document/tree.ts';
import type { Lookup } from '../values/interpolate.ts';
import { readVariables } from './environment.ts';
import { Section } from './section.ts';

/** Services that a service cannot be without, though it does not say so: those whose namespaces, volumes or names it uses. */
function implied(service: Section): string[] {
  const modes = ['network_mode', 'ipc', 'pid'].flatMap((key) => /^service:(.+)$/.exec(service.text(key) ?? '')?.[1] ?? []);
  const links = service.texts('links').map((link) => link.split(':')[0] ?? '');
  const volumes = service.texts('volumes_from').flatMap((from) => (from.startsWith('container:') ? [] : (from.split(':')[0] ?? '')));
  return [...modes, ...links, ...volumes];
}

/** Puts in what a service takes from its surroundings: variables and labels of files, values of names alone, implied dependencies. */
export function completeService(tree: Mapping, lookup: Lookup): Mapping {
  const section = new Section(tree);
  const { env_file: _files, label_file: _labels, profiles: _profiles, extends: _extends, ...rest } = tree;
  const made = withSpots({ ...rest }, tree);
  const files = section.sections('env_file').map((file) => ({
    path: file.text('path') ?? '',
    required: file.truth('required') ?? true,
    raw: file.text('format') === 'raw',
  }));
  const environment = { ...Object.fromEntries(readVariables(files, lookup)), ...inherited(tree['environment'], lookup) };
  if (Object.keys(environment).length > 0) made['environment'] = sorted(environment);
  const labelFiles = section.texts('label_file').map((path) => ({ path, required: true }));
  const labels = {
    ...Object.fromEntries(readVariables(labelFiles, lookup)),
    ...section.pairs('labels'),
  };
  if (Object.keys(labels).length > 0) made['labels'] = sorted(labels);
  const needed = implied(section).filter((name) => !Object.hasOwn(section.section('depends_on').tree, name));
  if (needed.length > 0)
    made['depends_on'] = {
      ...section.section('depends_on').tree,
      ...Object.fromEntries(needed.map((name) => [name, { condition: 'service_started', restart: true, required: true }])),
    };
  if (section.has('build')) made['build'] = completeBuild(section.section('build').tree, lookup);
  if (!section.has('networks') && !section.has('network_mode')) made['networks'] = { default: null };
  return made;
}

/** Names without value take it from around; those that are not set there stay without. */
function inherited(tree: Tree | undefined, lookup: Lookup): Record<string, string | null> {
  if (!isMapping(tree)) return {};
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, value === null ? (lookup(name) ?? null) : String(value)]));
}

function completeBuild(tree: Mapping, lookup: Lookup): Mapping {
  const args = isMapping(tree['args']) ? { args: inherited(tree['args'], lookup) } : {};
  return withSpots({ ...tree, context: tree['context'] ?? '.', ...args }, tree);
}

const sorted = <T>(pairs: Record<string, T>) => Object.fromEntries(Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Whether a service is wanted by the active profiles. */
export function isActive(tree: Mapping, profiles: ReadonlySet<string>): boolean {
  const own = new Section(tree).texts('profiles');
  return own.length === 0 || profiles.has('*') || own.some((profile) => profiles.has(profile));
}
