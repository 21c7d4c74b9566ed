import { closest } from '../../flags/index.ts';
import type { Fault } from '../document/faults.ts';
import { type Mapping, type Place, spotOf, type Tree } from '../document/tree.ts';
import type { Project, Resources, Service } from './project.ts';
import { Section } from './section.ts';

/** Keys of the specification that this platform cannot honour. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  credential_spec: 'credential specs are for Windows',
  cpu_count: 'it is for Windows: use cpus',
  cpu_percent: 'it is for Windows: use cpus',
  gpus: 'Gantry does not pass GPUs on: name the device files in devices',
  models: 'Gantry does not run models',
  provider: 'services of other programs are not supported',
  use_api_socket: 'mount the socket with volumes instead',
  storage_opt: 'sizes of root file systems cannot be bounded here',
};

/** What the schema cannot see: names that lead nowhere, services that wait for each other, things that exclude each other. */
export function checkReferences(project: Project): Fault[] {
  return [...[...project.services.values()].flatMap((service) => serviceFaults(service, project)), ...circleFaults(project)];
}

function serviceFaults({ name, definition }: Service, project: Project): Fault[] {
  const service = new Section(definition);
  const at = (key: string, message: string, place = spotOf(definition, key)?.value): Fault => ({
    place,
    message: `services.${name}.${key}: ${message}`,
  });
  const faults: Fault[] = [];
  if (!service.has('image') && !service.has('build'))
    faults.push({ place: spotOf(definition, 'name')?.key, message: `services.${name}: it has neither an image nor a build` });
  for (const [key, why] of Object.entries(UNSUPPORTED))
    if (service.has(key) && definition[key] !== false) faults.push(at(key, `not supported: ${why}`));
  if (service.has('network_mode') && service.has('networks')) faults.push(at('network_mode', 'it excludes "networks"'));
  const driver = service.section('deploy').text('mode');
  if (driver !== undefined && driver !== 'replicated') faults.push(at('deploy', `mode ${driver} needs a cluster: there is "replicated"`));
  const scale = service.number('scale') ?? service.section('deploy').number('replicas') ?? 1;
  if (service.has('container_name') && scale > 1) faults.push(at('container_name', `${scale} containers cannot have one name`));
  const fixed = scale > 1 ? fixedPort(service) : undefined;
  if (fixed !== undefined) faults.push(at('ports', oneOwner(fixed, scale)));
  faults.push(...contradictions(definition).map(([key, message]) => at(key, message)), ...doubleTargets(name, definition));
  const unknown = (key: string, wanted: [string, Place | undefined][], known: Resources, kind: string) => {
    for (const [one, place] of wanted)
      if (!known.has(one)) faults.push(at(key, `there is no ${kind} "${one}"${hint(one, [...known.keys()])}`, place));
  };
  unknown('networks', keysOf(definition['networks']), project.networks, 'network');
  unknown('secrets', sourcesOf(definition['secrets']), project.secrets, 'secret');
  unknown('configs', sourcesOf(definition['configs']), project.configs, 'config');
  unknown('volumes', volumesOf(definition['volumes']), project.volumes, 'volume');
  for (const [other, place] of keysOf(definition['depends_on'])) {
    const profiles = project.inactive.get(other);
    if (profiles)
      faults.push(at('depends_on', `"${other}" is not active: its profiles are ${profiles.join(', ')} (--profile ${profiles[0]})`, place));
    else if (!project.services.has(other))
      faults.push(at('depends_on', `there is no service "${other}"${hint(other, [...project.services.keys()])}`, place));
  }
  return faults;
}

/** A port of the host that only one container of the service could have. */
export const fixedPort = (service: Section) =>
  service
    .sections('ports')
    .map((port) => port.text('published'))
    .find((published) => published !== undefined && /^[1-9]\d*$/.test(published));

export const oneOwner = (port: string, scale: number) =>
  `${scale} containers cannot have port ${port} of the host: give a range (${port}-${Number(port) + scale - 1}), or no port of the host at all`;

/** Places that say the same thing differently. */
const TWICE: readonly (readonly [key: string, path: readonly string[]])[] = [
  ['scale', ['replicas']],
  ['cpus', ['resources', 'limits', 'cpus']],
  ['mem_limit', ['resources', 'limits', 'memory']],
  ['pids_limit', ['resources', 'limits', 'pids']],
  ['mem_reservation', ['resources', 'reservations', 'memory']],
];

function contradictions(definition: Mapping): [string, string][] {
  const service = new Section(definition);
  return TWICE.flatMap(([key, path]): [string, string][] => {
    const inner = path.slice(0, -1).reduce((section, step) => section.section(step), service.section('deploy'));
    const last = path.at(-1) ?? '';
    if (!service.has(key) || !inner.has(last)) return [];
    const read = (section: Section, name: string) => (name.startsWith('mem') ? section.size(name) : section.number(name));
    return read(service, key) === read(inner, last) ? [] : [[key, `deploy.${path.join('.')} says something else`]];
  });
}

/** One place in a container cannot have two things. */
function doubleTargets(service: string, definition: Mapping): Fault[] {
  const seen = new Set(new Section(definition).texts('tmpfs').map((one) => one.split(':')[0]));
  const { volumes } = definition;
  if (!Array.isArray(volumes)) return [];
  return volumes.flatMap((mount, at): Fault[] => {
    const target = new Section(mount).text('target');
    const double = seen.has(target);
    seen.add(target ?? '');
    return double
      ? [{ place: spotOf(volumes, at)?.value, message: `services.${service}.volumes: there is something at ${target} already` }]
      : [];
  });
}

function hint(word: string, known: readonly string[]): string {
  const near = closest(word, known);
  return near ? `: did you mean "${near}"?` : '';
}

const keysOf = (tree: Tree | undefined): [string, Place | undefined][] =>
  Object.keys(new Section(tree).tree).map((key) => [key, spotOf(tree as Mapping, key)?.key]);

function sourcesOf(tree: Tree | undefined): [string, Place | undefined][] {
  return Array.isArray(tree) ? tree.map((item, at) => [new Section(item).text('source') ?? '', spotOf(tree, at)?.value]) : [];
}

function volumesOf(tree: Tree | undefined): [string, Place | undefined][] {
  if (!Array.isArray(tree)) return [];
  return tree.flatMap((item, at) => {
    const mount = new Section(item);
    const source = mount.text('source');
    return mount.text('type') === 'volume' && source !== undefined && source !== ''
      ? [[source, spotOf(tree, at)?.value] as [string, Place | undefined]]
      : [];
  });
}

/** Services that depend on each other in a circle could never start. */
function circleFaults({ services }: Project): Fault[] {
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): string[] | undefined => {
    if (above.includes(name)) return [...above.slice(above.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const [next] of keysOf(services.get(name)?.definition['depends_on'])) {
      const circle = visit(next, [...above, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const [name, { definition }] of services) {
    const circle = visit(name, []);
    if (circle)
      return [
        {
          place: spotOf(definition, 'depends_on')?.key,
          message: `services.${name}.depends_on: services wait for each other in a circle: ${circle.join(' → ')}`,
        },
      ];
  }
  return [];
}
