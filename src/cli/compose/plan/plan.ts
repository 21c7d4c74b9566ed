import { CommandFailure } from '../../failure.ts';
import type { Project, Service } from '../project/project.ts';
import { fixedPort, oneOwner } from '../project/references.ts';
import { Section } from '../project/section.ts';
import { dockerHash } from './docker-hash.ts';
import { changedKeys, fingerprint } from './fingerprint.ts';
import type { Manner } from './manner.ts';
import { isRunning, type Observed } from './observed.ts';

export type Step =
  | { readonly kind: 'create'; readonly number: number; readonly name: string }
  | {
      readonly kind: 'replace';
      readonly old: Observed;
      readonly number: number;
      readonly name: string;
      readonly because: readonly string[];
      readonly manner: Manner;
    }
  | { readonly kind: 'start' | 'keep'; readonly old: Observed }
  | { readonly kind: 'restart' | 'remove'; readonly old: Observed; readonly because: readonly string[] };

/** An update that was cut short: finished when the new container has taken over, undone when it has not. */
export interface Leftover {
  readonly kind: 'finish' | 'undo';
  readonly fresh: Observed;
  readonly old: Observed | undefined;
}

export interface ServicePlan {
  readonly service: Service;
  readonly keys: Readonly<Record<string, string>>;
  readonly hash: string;
  readonly steps: readonly Step[];
}

export interface Plan {
  readonly leftovers: readonly Leftover[];
  readonly services: readonly ServicePlan[];
  /** Containers of services that the files do not have. */
  readonly orphans: readonly Observed[];
}

export interface PlanOptions {
  /** Services to look at, in the order of their dependencies. */
  readonly services: readonly string[];
  readonly scale: ReadonlyMap<string, number>;
  readonly force: ReadonlySet<string>;
  readonly noRecreate: boolean;
  /** Digests of what is outside of a service's definition, such as contents of configs. */
  readonly facts: (service: Service) => Readonly<Record<string, string>>;
  /** Id of the image that a service's containers should have; undefined when it is not there yet. */
  readonly imageOf: (service: Service) => string | undefined;
  readonly mannerOf: (service: Service, old: Observed) => Manner;
}

export const scaleOf = (service: Service) => {
  const section = new Section(service.definition);
  return section.number('scale') ?? section.section('deploy').number('replicas') ?? 1;
};

export const containerName = (project: Project, service: Service, number: number) =>
  new Section(service.definition).text('container_name') ?? `${project.name}-${service.name}-${number}`;

/**
 * What is left of updates that did not end, and the containers as they are when that is settled. An update is past its turning point when
 * the new container runs in the place of the old one; before, the old one is what counts.
 */
export function leftoversOf(observed: readonly Observed[]): { leftovers: Leftover[]; settled: Observed[] } {
  const leftovers = observed.flatMap((fresh): Leftover[] => {
    // One that stands by without a predecessor was to join others.
    if (fresh.oneOff || (fresh.replaces === undefined && fresh.role !== 'standby')) return [];
    const old = observed.find(({ id }) => id === fresh.replaces);
    if (!old && fresh.role !== 'standby') return [];
    const turned = fresh.role !== 'standby' && isRunning(fresh) && (old?.role === 'relieved' || !(old && isRunning(old)));
    return [{ kind: turned ? 'finish' : 'undo', fresh, old }];
  });
  const gone = new Set(leftovers.map(({ kind, fresh, old }) => (kind === 'undo' ? fresh : old)));
  return { leftovers, settled: observed.filter((one) => !gone.has(one)) };
}

/** What has to happen so that the engine has what the files say. Pure: nothing is asked and nothing done. */
export function planUp(project: Project, observed: readonly Observed[], options: PlanOptions): Plan {
  const { leftovers, settled } = leftoversOf(observed);
  const replaced = new Set<string>();
  const idOf = (name: string) => settled.find((one) => one.service === name && !one.oneOff)?.id;
  const services = options.services.map((name) => {
    const service = project.services.get(name) as Service;
    const own = settled.filter((one) => one.service === name && !one.oneOff).sort((a, b) => a.number - b.number);
    const plan = planService(project, service, own, { ...options, idOf }, replaced);
    if (plan.steps.some(({ kind }) => kind === 'replace')) replaced.add(name);
    return plan;
  });
  const known = new Set([...project.services.keys(), ...project.inactive.keys()]);
  return { leftovers, services, orphans: settled.filter((one) => !one.oneOff && !known.has(one.service)) };
}

function planService(
  project: Project,
  service: Service,
  own: readonly Observed[],
  options: PlanOptions & { idOf: (service: string) => string | undefined },
  replaced: ReadonlySet<string>,
): ServicePlan {
  const keys = fingerprint(service.definition, options.facts(service));
  const hash = dockerHash(service.definition, options.idOf);
  const scale = options.scale.get(service.name) ?? scaleOf(service);
  const fixed = scale > 1 ? fixedPort(new Section(service.definition)) : undefined;
  if (fixed !== undefined) throw new CommandFailure(`--scale ${service.name}=${scale}: ${oneOwner(fixed, scale)}`);
  const kept = own.slice(0, scale);
  const steps: Step[] = kept.map((old) => {
    const because = options.noRecreate ? [] : reasons(service, old, keys, hash, options, replaced);
    if (because.length > 0)
      return {
        kind: 'replace',
        old,
        number: old.number,
        name: containerName(project, service, old.number),
        because,
        manner: options.mannerOf(service, old),
      };
    if (!isRunning(old)) return { kind: 'start', old };
    const restarts = restartReasons(service, replaced);
    if (old.role === 'relieved') restarts.push('its successor is gone');
    return restarts.length > 0 ? { kind: 'restart', old, because: restarts } : { kind: 'keep', old };
  });
  const numbers = new Set(own.map(({ number }) => number));
  for (let number = 1; steps.length < scale; number += 1)
    if (!numbers.has(number)) steps.push({ kind: 'create', number, name: containerName(project, service, number) });
  const excess = own.slice(scale).map((old): Step => ({ kind: 'remove', old, because: [`the scale is ${scale}`] }));
  return { service, keys, hash, steps: [...steps, ...excess] };
}

/** Why a container is not what the file says; [] when it is. */
function reasons(
  service: Service,
  old: Observed,
  keys: Readonly<Record<string, string>>,
  hash: string,
  options: PlanOptions,
  replaced: ReadonlySet<string>,
): string[] {
  if (options.force.has(service.name)) return ['forced'];
  const changed =
    changedKeys(old.labels['gantry.compose.keys'], keys) ??
    (old.labels['com.docker.compose.config-hash'] === hash ? [] : ['made by another client']);
  const image = options.imageOf(service);
  const newer = image !== undefined && image !== old.imageId && !changed.includes('image') ? ['image (a newer one)'] : [];
  const joined = joinedServices(service).filter((name) => replaced.has(name));
  return [...changed, ...newer, ...joined.map((name) => `${name} is replaced, whose namespace it shares`)];
}

/** Services whose containers a container of this service names by their ids. */
function joinedServices({ definition }: Service): string[] {
  const section = new Section(definition);
  const modes = ['network_mode', 'ipc', 'pid'].flatMap((key) => /^service:(.+)$/.exec(section.text(key) ?? '')?.[1] ?? []);
  return [...modes, ...section.texts('volumes_from').flatMap((from) => (from.startsWith('container:') ? [] : (from.split(':')[0] ?? '')))];
}

function restartReasons({ definition }: Service, replaced: ReadonlySet<string>): string[] {
  const needs = new Section(definition).entries('depends_on');
  return needs
    .filter(([name, wish]) => replaced.has(name) && new Section(wish).truth('restart') === true)
    .map(([name]) => `${name} is replaced`);
}
