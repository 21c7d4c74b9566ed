import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { CommandFailure } from '../../failure.ts';
import { mannerOf } from '../plan/manner.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import { inOrder, type Need, needsOf } from '../plan/order.ts';
import { type Leftover, type Plan, planUp, type ServicePlan, type Step } from '../plan/plan.ts';
import type { Project, Resource, Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { imageName, type MakeOptions, makeContainer, runHooks } from './make.ts';
import { copiedFiles } from './mounts.ts';
import { waitEnded, waitReady } from './ready.ts';
import { anonymousVolumes, type Replacement } from './replace.ts';
import { createResource, missingResources } from './resources.ts';
import { removeContainer, standDown, stopContainer } from './retire.ts';
import { rulesOf, updateService } from './update.ts';

export interface UpWishes {
  readonly services: readonly string[];
  readonly noDeps: boolean;
  readonly scale: ReadonlyMap<string, number>;
  readonly force: boolean;
  /** Services that are needed are made anew too. */
  readonly forceNeeds: boolean;
  readonly noRecreate: boolean;
  readonly removeOrphans: boolean;
  readonly noStart: boolean;
  readonly rollBack: boolean;
  /** Anonymous volumes start empty rather than going over to new containers. */
  readonly renewVolumes: boolean;
}

/** What is to be done, before anything is. */
export interface UpPlan extends Plan {
  readonly networks: readonly Resource[];
  readonly volumes: readonly Resource[];
}

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex').slice(0, 16);

function isFolder(path: string): boolean {
  // What is not there would be made as a folder.
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** What makes a service's containers besides its own keys: contents that are copied in, names that its networks and volumes were given. */
function outerFacts(project: Project, { definition }: Service): Record<string, string> {
  const files = copiedFiles(new Section(definition), project, (file) => readFileSync(file));
  const named = [...Object.keys(new Section(definition).section('networks').tree)].flatMap((key) => project.networks.get(key) ?? []);
  const mounted = new Section(definition).sections('volumes').flatMap((mount) => project.volumes.get(mount.text('source') ?? '') ?? []);
  // Names that nobody chose follow from the project's, and a container never changes its project.
  const chosen = [...named, ...mounted].filter(({ key, name }) => name !== `${project.name}_${key}`);
  return Object.fromEntries([
    ...files.map(({ path, content }) => [`content of ${path}`, digest(content())]),
    ...chosen.map(({ key, name }) => [`name of ${key}`, name]),
  ]);
}

/** Looks at what is there and decides. `images` are the ids that services should run; without, images are not looked at. */
export async function planProject(context: Context, wishes: UpWishes, images: ReadonlyMap<string, string>): Promise<UpPlan> {
  const { project, api } = context;
  const order = inOrder(project, wishes.services, !wishes.noDeps);
  const services = order.map((name) => project.services.get(name) as Service);
  const named = wishes.services.length > 0 ? wishes.services : order;
  const observed = await api.containers(project.name);
  const volumesOf = new Map(
    await Promise.all(observed.filter(isRunning).map(async (one) => [one.id, [...(await anonymousVolumes(context, one)).keys()]] as const)),
  );
  const canHandOver = observed.some(isRunning) && (await api.canHandOver(observed.find(isRunning)?.id ?? ''));
  const plan = planUp(project, observed, {
    services: order,
    scale: wishes.scale,
    force: new Set(wishes.force ? (wishes.forceNeeds ? order : named) : []),
    noRecreate: wishes.noRecreate,
    facts: (service) => outerFacts(project, service),
    imageOf: ({ name }) => images.get(name),
    mannerOf: (service, old) => {
      const inherited = anonymousOf(service, volumesOf.get(old.id) ?? []);
      return mannerOf(service, old, { canHandOver, isFolder, anonymousVolumes: wishes.renewVolumes ? [] : inherited });
    },
  });
  return {
    ...plan,
    networks: await missingResources(context, services, 'network'),
    volumes: await missingResources(context, services, 'volume'),
  };
}

/** Anonymous volumes that the service's own mounts do not cover. */
function anonymousOf({ definition }: Service, targets: readonly string[]): string[] {
  const own = new Set(new Section(definition).sections('volumes').map((mount) => mount.text('target')));
  return targets.filter((target) => !own.has(target));
}

/** Does what the plan says. Services start after those that they need; others at the same time. Throws `CommandFailure`. */
export async function carryOut(context: Context, plan: UpPlan, wishes: UpWishes, images: ReadonlyMap<string, string>): Promise<void> {
  for (const network of plan.networks) await createResource(context, network, 'network');
  for (const volume of plan.volumes) await createResource(context, volume, 'volume');
  for (const leftover of plan.leftovers) await settle(context, leftover);
  await dealWithOrphans(context, plan.orphans, wishes.removeOrphans);
  const runner = new Runner(context, plan, wishes, images);
  const results = await Promise.allSettled(plan.services.map(({ service }) => runner.run(service.name)));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const told = [...new Set(failures.filter((error) => !(error instanceof NotReached)))];
  if (told.length === 0) return;
  if (told.length === 1) throw told[0];
  throw new CommandFailure(told.map((error) => (error instanceof Error ? error.message : String(error))).join('\n'), 1, told[0]);
}

async function settle(context: Context, { kind, fresh, old }: Leftover): Promise<void> {
  context.progress.say(`An update of ${fresh.service} was cut short: it is ${kind === 'undo' ? 'undone' : 'finished'} first.`);
  if (kind === 'undo') {
    await removeContainer(context, fresh, true);
    return;
  }
  if (old) {
    if (isRunning(old)) await stopContainer(context, context.project.services.get(old.service), old);
    await removeContainer(context, old);
    if (old.name !== fresh.name && fresh.name.endsWith(`_${old.name}`)) await context.api.rename(fresh.id, old.name);
  }
}

async function dealWithOrphans(context: Context, orphans: readonly Observed[], remove: boolean): Promise<void> {
  if (orphans.length === 0) return;
  if (!remove) {
    const names = orphans.map(({ name }) => name).join(', ');
    context.progress.say(
      `Found orphan containers (${names}) of this project: services that its files do not have. --remove-orphans removes them.`,
    );
    return;
  }
  await Promise.all(
    orphans.map(async (orphan) => {
      if (isRunning(orphan)) await stopContainer(context, undefined, orphan);
      await removeContainer(context, orphan);
    }),
  );
}

/** A service that was not tried, for one that it needs failed: that one tells why. */
class NotReached extends CommandFailure {}

class Runner {
  readonly #context: Context;
  readonly #plans: ReadonlyMap<string, ServicePlan>;
  readonly #wishes: UpWishes;
  readonly #images: ReadonlyMap<string, string>;
  readonly #running = new Map<string, Promise<void>>();
  /** Ids of the containers of each service, for those who wait for them. */
  readonly #names = new Map<string, string[]>();

  constructor(context: Context, plan: UpPlan, wishes: UpWishes, images: ReadonlyMap<string, string>) {
    this.#context = context;
    this.#plans = new Map(plan.services.map((one) => [one.service.name, one]));
    this.#wishes = wishes;
    this.#images = images;
    for (const { service, steps } of plan.services)
      this.#names.set(
        service.name,
        steps.flatMap((step) => (step.kind === 'remove' ? [] : ['name' in step ? step.name : step.old.name])),
      );
  }

  run(name: string): Promise<void> {
    const known = this.#running.get(name) ?? this.#service(this.#plans.get(name) as ServicePlan);
    this.#running.set(name, known);
    return known;
  }

  async #service(plan: ServicePlan): Promise<void> {
    const { service, steps } = plan;
    const needs = needsOf(this.#context.project, service.name).filter((need) => this.#plans.has(need.service));
    for (const need of needs)
      await this.run(need.service).catch((error: unknown) => {
        if (need.required) throw new NotReached(`services.${service.name} needs ${need.service}`, 1, error);
      });
    const starts = steps.some(({ kind }) => kind !== 'keep' && kind !== 'remove') && !this.#wishes.noStart;
    if (starts) for (const need of needs) await this.#waitFor(service, need);
    await this.#steps(plan);
  }

  async #steps(plan: ServicePlan): Promise<void> {
    const { service, steps } = plan;
    const image = imageName(this.#context, service);
    const making = { image, imageId: this.#images.get(service.name) ?? '', containersOf: (name: string) => this.#names.get(name) ?? [] };
    const replacements = steps.filter((step) => step.kind === 'replace') as Replacement[];
    await Promise.all(steps.filter(({ kind }) => kind !== 'replace').map((step) => this.#step(plan, step, making)));
    if (replacements.length > 0)
      await updateService(this.#context, plan, replacements, rulesOf(plan, this.#wishes.rollBack), {
        ...making,
        renewVolumes: this.#wishes.renewVolumes,
        siblings: steps.length > 1,
      });
  }

  async #step(plan: ServicePlan, step: Step, making: Pick<MakeOptions, 'image' | 'imageId' | 'containersOf'>): Promise<void> {
    const { api, progress, timeout } = this.#context;
    if (step.kind === 'create') {
      progress.set(`Container ${step.name}`, 'Creating');
      const id = await makeContainer(this.#context, plan, { ...making, name: step.name, number: step.number });
      progress.set(`Container ${step.name}`, 'Created', 'done');
      await this.#start(plan, id, step.name);
    } else if (step.kind === 'start') await this.#start(plan, step.old.id, step.old.name);
    else if (step.kind === 'keep') progress.set(`Container ${step.old.name}`, 'Running', 'done');
    else if (step.kind === 'restart') {
      progress.set(`Container ${step.old.name}`, `Restarting (${step.because.join(', ')})`);
      await api.restart(step.old.id, timeout);
      progress.set(`Container ${step.old.name}`, 'Started', 'done');
    } else if (step.kind === 'remove') {
      if (isRunning(step.old) && plan.steps.length > 1) await standDown(this.#context, plan.service, step.old);
      if (isRunning(step.old)) await stopContainer(this.#context, plan.service, step.old);
      await removeContainer(this.#context, step.old);
    }
  }

  async #start({ service }: ServicePlan, id: string, name: string): Promise<void> {
    if (this.#wishes.noStart) return;
    this.#context.progress.set(`Container ${name}`, 'Starting');
    try {
      await this.#context.api.start(id);
      await runHooks(this.#context, service, id, 'post_start');
    } catch (error) {
      this.#context.progress.set(`Container ${name}`, 'Error', 'failed');
      throw error;
    }
    this.#context.progress.set(`Container ${name}`, 'Started', 'done');
  }

  async #waitFor(service: Service, { service: other, condition, required }: Need): Promise<void> {
    if (condition === 'service_started') return;
    const { progress } = this.#context;
    for (const name of this.#names.get(other) ?? []) {
      progress.set(`Container ${name}`, 'Waiting');
      try {
        if (condition === 'service_healthy') await this.#healthy(name, other);
        else await this.#completed(name);
        progress.set(`Container ${name}`, condition === 'service_healthy' ? 'Healthy' : 'Exited', 'done');
      } catch (error) {
        progress.set(`Container ${name}`, 'Error', 'failed');
        if (required)
          throw new CommandFailure(
            `services.${service.name} cannot start: it needs ${other}: ${error instanceof Error ? error.message : error}`,
            1,
            error,
          );
      }
    }
  }

  async #healthy(name: string, service: string): Promise<void> {
    const inspected = await this.#context.api.inspect(name);
    if (inspected.State.Running && !inspected.State.Health)
      throw new CommandFailure(`${service} has no healthcheck, so that it cannot become healthy`);
    await waitReady(this.#context, name, name);
  }

  async #completed(name: string): Promise<void> {
    const code = await waitEnded(this.#context, name);
    if (code !== 0) throw new CommandFailure(`container ${name} ended with exit code ${code}`);
  }
}
