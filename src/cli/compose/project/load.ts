import path from 'node:path';
import { ComposeFailure } from '../document/faults.ts';
import { isMapping, type Mapping, type Tree, withSpots } from '../document/tree.ts';
import type { Lookup } from '../values/interpolate.ts';
import { completeService, isActive } from './complete.ts';
import { projectVariables } from './environment.ts';
import { checkProjectName, findFiles, projectName } from './find-files.ts';
import type { Project, Resource, Resources, Service } from './project.ts';
import { readFiles } from './read-files.ts';
import { checkReferences } from './references.ts';
import { Section } from './section.ts';

export interface LoadOptions {
  /** As given; [] looks for the default names. */
  readonly files: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly profiles: readonly string[];
  /** Services that are active whatever their profiles. */
  readonly wanted: readonly string[];
  readonly name: string | undefined;
  readonly folder: string | undefined;
  readonly around: { readonly env: Readonly<Record<string, string | undefined>>; readonly cwd: string; readonly home: string };
  readonly warn: (text: string) => void;
  readonly stdin: () => string;
}

/** Reads a whole project. Throws `ComposeFailure` or `CommandFailure` with all that is wrong, in the words of the files. */
export function loadProject(options: LoadOptions): Project {
  const { env, cwd, home } = options.around;
  const outer: Lookup = (name) => env[name];
  const absolute = (file: string) => (file === '-' ? file : path.resolve(cwd, file));
  // The variables of a folder may name the files, and the files tell which folder it is.
  const guess = options.folder === undefined ? cwd : path.resolve(cwd, options.folder);
  const named =
    options.environmentFiles.length > 0 ? options.environmentFiles.map(absolute) : splitList(outer('COMPOSE_ENV_FILES'), ',').map(absolute);
  const early = projectVariables(guess, named, outer).lookup;
  const separator = early('COMPOSE_PATH_SEPARATOR') ?? ':';
  const given = options.files.length > 0 ? options.files : splitList(early('COMPOSE_FILE'), separator);
  const files = given.length > 0 ? given.map(absolute) : findFiles(guess);
  const folder = options.folder === undefined ? (files[0] === undefined || files[0] === '-' ? cwd : path.dirname(files[0])) : guess;
  const variables = projectVariables(folder, named, outer);
  const chosen = options.name ?? variables.lookup('COMPOSE_PROJECT_NAME');
  const name = chosen === undefined || chosen === '' ? undefined : checkProjectName(chosen);
  const lookup: Lookup = (key) => (key === 'COMPOSE_PROJECT_NAME' ? (name ?? projectName(path.basename(folder))) : variables.lookup(key));
  const told = new Set<string>();
  const missing = (variable: string) => {
    if (!told.has(variable)) options.warn(`The ${JSON.stringify(variable)} variable is not set. Defaulting to a blank string.`);
    told.add(variable);
  };
  const tree = readFiles(files, folder, { lookup, cwd, home, missing, stdin: options.stdin });
  const own = tree['name'] === undefined || tree['name'] === null ? undefined : checkProjectName(String(tree['name']));
  const profiles = new Set([...options.profiles, ...splitList(variables.lookup('COMPOSE_PROFILES'), ',')]);
  const project = assemble(
    tree,
    {
      name: name ?? own ?? checkProjectName(projectName(path.basename(folder)) || 'default'),
      folder,
      files,
      environmentFiles: variables.files,
      lookup,
    },
    profiles,
    options.wanted,
  );
  const faults = checkReferences(project);
  if (faults.length > 0) throw new ComposeFailure(faults);
  return project;
}

const splitList = (text: string | undefined, separator: string) => (text ?? '').split(separator).filter((part) => part !== '');

function assemble(
  tree: Mapping,
  facts: Pick<Project, 'name' | 'folder' | 'files' | 'environmentFiles' | 'lookup'>,
  profiles: Set<string>,
  wanted: readonly string[],
): Project {
  const all = new Section(tree).section('services').tree as Record<string, Mapping>;
  for (const name of wanted) for (const profile of new Section(all[name]).texts('profiles')) profiles.add(profile);
  const services = new Map<string, Service>();
  const inactive = new Map<string, readonly string[]>();
  for (const [name, definition] of Object.entries(all)) {
    if (isActive(definition, profiles)) services.set(name, { name, definition: completeService(definition, facts.lookup) });
    else inactive.set(name, new Section(definition).texts('profiles'));
  }
  for (const [name, { definition }] of services) services.set(name, { name, definition: withoutOptional(definition, services) });
  const of = (key: string) => resources(tree[key], facts.name);
  const networks = new Map(of('networks'));
  const usesDefault = [...services.values()].some(({ definition }) =>
    Object.hasOwn(new Section(definition).section('networks').tree, 'default'),
  );
  if (usesDefault && !networks.has('default'))
    networks.set('default', { key: 'default', name: `${facts.name}_default`, external: false, definition: {} });
  return { ...facts, services, inactive, networks, volumes: of('volumes'), secrets: of('secrets'), configs: of('configs') };
}

/** Dependencies that are not required are dropped where they are not active. */
function withoutOptional(definition: Mapping, services: ReadonlyMap<string, unknown>): Mapping {
  const { depends_on: needs } = definition;
  if (!isMapping(needs)) return definition;
  const kept = Object.entries(needs).filter(([name, wish]) => services.has(name) || new Section(wish).truth('required') !== false);
  return withSpots({ ...definition, depends_on: withSpots(Object.fromEntries(kept), needs) }, definition);
}

function resources(tree: Tree | undefined, project: string): Resources {
  return new Map(
    Object.entries(isMapping(tree) ? tree : {}).map(([key, value]): [string, Resource] => {
      const section = new Section(value);
      const external = section.truth('external') === true;
      return [key, { key, name: section.text('name') ?? (external ? key : `${project}_${key}`), external, definition: section.tree }];
    }),
  );
}
