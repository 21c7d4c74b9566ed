import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { CommandFailure } from '../../failure.ts';
import { mannerOf } from '../plan/manner.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import { inOrder } from '../plan/order.ts';
import { type Leftover, type Plan, planUp } from '../plan/plan.ts';
import type { Project, Resource, Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { copiedFiles } from './mounts.ts';
import { anonymousVolumes } from './replace.ts';
import { createResource, missingResources } from './resources.ts';
import { removeContainer, stopContainer } from './retire.ts';
import { NotReached, Runner, type RunWishes } from './runner.ts';

export interface UpWishes extends RunWishes {
  readonly services: readonly string[];
  readonly noDeps: boolean;
  readonly scale: ReadonlyMap<string, number>;
  readonly force: boolean;
  /** Services that are needed are made anew too. */
  readonly forceNeeds: boolean;
  readonly noRecreate: boolean;
  readonly removeOrphans: boolean;
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
  const files = copiedFiles(new Section(definition), project);
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
