import type { Project, Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { hostConfig, only } from './host-config.ts';
import { LABELS } from './labels.ts';
import { mountsOf } from './mounts.ts';
import { type Naming, networking } from './networking.ts';

/** Seconds of nanoseconds, rounded up: a container never gets less time than asked for. */
const seconds = (nanoseconds: number | undefined) => (nanoseconds === undefined ? undefined : Math.ceil(nanoseconds / 1e9));

function healthcheck(check: Section): Record<string, unknown> {
  if (check.truth('disable')) return { Test: ['NONE'] };
  return only({
    Test: check.texts('test'),
    Interval: check.duration('interval'),
    Timeout: check.duration('timeout'),
    StartPeriod: check.duration('start_period'),
    StartInterval: check.duration('start_interval'),
    Retries: check.number('retries'),
  });
}

function exposedPorts(service: Section): Record<string, object> {
  const published = service.sections('ports').map((port) => `${port.text('target')}/${port.text('protocol') ?? 'tcp'}`);
  const exposed = service.texts('expose').flatMap((text) => {
    const [range = '', protocol = 'tcp'] = text.split('/');
    const [from = '', to = from] = range.split('-');
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => `${Number(from) + at}/${protocol}`);
  });
  return Object.fromEntries([...published, ...exposed].map((port) => [port, {}]));
}

/** How others know which container this is. */
export interface Identity {
  readonly number: number;
  readonly oneOff: boolean;
  readonly hash: string;
  readonly keys: string;
  readonly imageId: string;
  /** Id of the container that this one is to replace. */
  readonly replaces?: string;
  readonly version: string;
}

/** The extensions of ours that the engine knows as labels. */
function ownLabels(own: Section): Record<string, string> {
  const expose = own.text('expose');
  return {
    ...(own.truth('restart_unhealthy') ? { 'gantry.restart-unhealthy': 'true' } : {}),
    ...(expose === undefined ? {} : { 'gantry.expose': expose }),
  };
}

export function labelsOf(project: Project, { name, definition }: Service, identity: Identity): Record<string, string> {
  const service = new Section(definition);
  const needs = service.entries('depends_on').map(([other, wish]) => {
    const need = new Section(wish);
    return `${other}:${need.text('condition') ?? 'service_started'}:${need.truth('restart') === true}`;
  });
  return {
    ...ownLabels(service.section('x-gantry')),
    ...service.pairs('labels'),
    ...projectLabels(project, identity.version),
    [LABELS.configHash]: identity.hash,
    [LABELS.keys]: identity.keys,
    [LABELS.number]: String(identity.number),
    [LABELS.dependsOn]: needs.join(','),
    [LABELS.image]: identity.imageId,
    [LABELS.oneOff]: identity.oneOff ? 'True' : 'False',
    [LABELS.service]: name,
    [LABELS.configFiles]: project.files.join(','),
    [LABELS.workingFolder]: project.folder,
    ...(project.environmentFiles.length > 0 ? { [LABELS.environmentFile]: project.environmentFiles.join(',') } : {}),
    ...(identity.replaces === undefined ? {} : { [LABELS.replace]: identity.replaces }),
  };
}

export const projectLabels = (project: Project, version: string) => ({ [LABELS.project]: project.name, [LABELS.version]: version });

export interface BodyOptions {
  readonly image: string;
  readonly identity: Identity;
  readonly naming: Naming;
  /** Anonymous volumes of the container before, by target. */
  readonly kept?: ReadonlyMap<string, string>;
}

/** The request for POST /containers/create that makes one container of a service. */
export function containerBody(project: Project, one: Service, { image, identity, naming, kept }: BodyOptions): Record<string, unknown> {
  const service = new Section(one.definition);
  const { mode, endpoints } = networking(service, project, naming);
  const command = one.definition['command'];
  const entrypoint = one.definition['entrypoint'];
  return {
    ...only({
      Hostname: service.text('hostname'),
      Domainname: service.text('domainname'),
      User: service.text('user'),
      Tty: service.truth('tty'),
      OpenStdin: service.truth('stdin_open'),
      ExposedPorts: exposedPorts(service),
      // A name without value takes the image's variable away.
      Env: service.entries('environment').map(([name, value]) => (value === null ? name : `${name}=${value}`)),
      WorkingDir: service.text('working_dir'),
      StopSignal: service.text('stop_signal'),
      Healthcheck: service.has('healthcheck') ? healthcheck(service.section('healthcheck')) : {},
    }),
    // An empty list says: not that of the image.
    ...(Array.isArray(command) ? { Cmd: command.map(String) } : {}),
    ...(Array.isArray(entrypoint) ? { Entrypoint: entrypoint.length === 0 ? [''] : entrypoint.map(String) } : {}),
    ...only({ StopTimeout: seconds(service.duration('stop_grace_period')) }),
    Image: image,
    Labels: labelsOf(project, one, identity),
    HostConfig: { ...hostConfig(service, naming.containerOf), Mounts: mountsOf(service, project, kept), NetworkMode: mode },
    NetworkingConfig: { EndpointsConfig: endpoints },
  };
}
