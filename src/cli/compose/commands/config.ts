import type { Command } from '../../command.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import type { Mapping, Tree } from '../document/tree.ts';
import { imageName } from '../engine/make.ts';
import { dockerHash } from '../plan/docker-hash.ts';
import { inOrder } from '../plan/order.ts';
import type { Project, Resources } from '../project/project.ts';

import { openProject } from './open.ts';

/** The project as one file without short forms and variables: what `up` works with. */
export function wholeTree(project: Project, names: readonly string[]): Mapping {
  const services = inOrder(project, names).toSorted();
  const made: Mapping = {
    name: project.name,
    services: Object.fromEntries(services.map((name) => [name, project.services.get(name)?.definition ?? {}])),
  };
  for (const [key, resources] of [
    ['networks', project.networks],
    ['volumes', project.volumes],
    ['secrets', project.secrets],
    ['configs', project.configs],
  ] as const)
    if (resources.size > 0) made[key] = resourceTree(resources);
  // A dollar that is meant as it stands.
  return escaped(JSON.parse(JSON.stringify(made)) as Mapping) as Mapping;
}

const resourceTree = (resources: Resources): Mapping =>
  Object.fromEntries([...resources].map(([key, { name, definition }]) => [key, { name, ...definition }]));

function escaped(tree: Tree): Tree {
  if (typeof tree === 'string') return tree.replaceAll('$', '$$$$');
  if (Array.isArray(tree)) return tree.map(escaped);
  return tree === null || typeof tree !== 'object'
    ? tree
    : Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, escaped(value)]));
}

/** What is asked for by a flag, a line each; undefined when the whole is. */
function listed(project: Project, flags: Flags, names: readonly string[]): string[] | undefined {
  const services = inOrder(project, names).toSorted();
  if (flags.bool('services')) return services;
  if (flags.bool('volumes')) return [...project.volumes.keys()];
  if (flags.bool('networks')) return [...project.networks.keys()];
  if (flags.bool('images'))
    return [...new Set(services.flatMap((name) => project.services.get(name) ?? []).map((service) => imageName({ project }, service)))];
  if (flags.bool('profiles')) return [...new Set([...project.inactive.values()].flat())].sort();
  const hashes = flags.text('hash');
  if (hashes === '') return undefined;
  return services
    .filter((name) => hashes === '*' || hashes.split(',').includes(name))
    .map((name) => `${name} ${dockerHash(project.services.get(name)?.definition ?? {})}`);
}

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  about: 'Checks the files, and prints them as one: variables put in, short forms written out, paths absolute.',
  flags: [
    text('format', 'How to print', { choices: ['yaml', 'json'], default: 'yaml' }),
    text('hash', 'Print the digests of these services (* for all)'),
    bool('images', 'Print the names of images'),
    bool('networks', 'Print the names of networks'),
    text('output', 'Write to this file', { short: 'o', completes: 'files' }),
    bool('profiles', 'Print the profiles that are not active'),
    bool('quiet', 'Only check', { short: 'q' }),
    bool('services', 'Print the names of services'),
    bool('volumes', 'Print the names of volumes'),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, names) {
    const project = openProject(session, names);
    const lines = listed(project, flags, names);
    if (flags.bool('quiet')) return 0;
    const whole = async () => {
      const tree = wholeTree(project, names);
      if (flags.text('format') === 'json') return `${JSON.stringify(tree, undefined, 2)}\n`;
      const { stringify } = await import('yaml');
      return stringify(tree, { lineWidth: 0 });
    };
    const said = lines ? lines.map((line) => `${line}\n`).join('') : await whole();
    const file = flags.text('output');
    if (file === '') session.out(said);
    else {
      const [{ writeFileSync }, { default: path }] = await Promise.all([import('node:fs'), import('node:path')]);
      writeFileSync(path.resolve(session.cwd, file), said);
    }
    return 0;
  },
};
export default command;
