import { EngineRefusal } from '../../client/index.ts';
import { imagePath } from '../../commands/each.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import { needsOf } from '../plan/order.ts';
import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { imageName } from './make.ts';
import { anonymousVolumes } from './replace.ts';
import { projectResources, removeResource } from './resources.ts';
import { removeContainer, stopContainer } from './retire.ts';

export interface DownWishes {
  readonly services: readonly string[];
  readonly volumes: boolean;
  readonly removeOrphans: boolean;
  /** '', `local` (images without a name of their own) or `all`. */
  readonly images: string;
}

/** Does `work` to the containers of each service, services that need others before those others. */
export async function fromTheTop(
  context: Context,
  containers: readonly Observed[],
  work: (one: Observed, service: Service | undefined) => Promise<void>,
): Promise<void> {
  const { project } = context;
  const names = new Set(containers.map(({ service }) => service));
  const done = new Map<string, Promise<void>>();
  const users = (name: string) => [...names].filter((other) => needsOf(project, other).some(({ service }) => service === name));
  const run = (name: string): Promise<void> => {
    const known = done.get(name);
    if (known) return known;
    const running = (async () => {
      for (const user of users(name)) await run(user);
      await Promise.all(containers.filter(({ service }) => service === name).map((one) => work(one, project.services.get(name))));
    })();
    done.set(name, running);
    return running;
  };
  const results = await Promise.allSettled([...names].map(run));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Stops and removes what belongs to a project. Data stays unless `volumes` says otherwise. */
export async function takeDown(context: Context, wishes: DownWishes): Promise<void> {
  const { project, api } = context;
  const observed = await api.containers(project.name);
  const known = new Set([...project.services.keys(), ...project.inactive.keys()]);
  const chosen = observed.filter(({ service }) =>
    wishes.services.length > 0 ? wishes.services.includes(service) : wishes.removeOrphans || known.size === 0 || known.has(service),
  );
  const orphans = observed.filter((one) => wishes.services.length === 0 && !chosen.includes(one));
  if (orphans.length > 0)
    context.progress.say(
      `Left alone: ${orphans.map(({ name }) => name).join(', ')}, of services that the files do not have. --remove-orphans takes them too.`,
    );
  const anonymous = wishes.volumes ? await Promise.all(chosen.map((one) => anonymousVolumes(context, one))) : [];
  await fromTheTop(context, chosen, async (one, service) => {
    if (isRunning(one)) await stopContainer(context, service, one);
    await removeContainer(context, one, wishes.volumes);
  });
  const whole = wishes.services.length === 0;
  if (wishes.volumes) {
    for (const name of new Set(anonymous.flatMap((volumes) => [...volumes.values()])))
      await api.client.text('DELETE', `/volumes/${name}`).catch(unlessGone);
    if (whole) for (const name of await projectResources(context, 'volume')) await removeResource(context, name, 'volume');
  }
  if (whole) for (const name of await projectResources(context, 'network')) await removeResource(context, name, 'network');
  if (wishes.images !== '') await removeImages(context, wishes.images === 'all');
}

function unlessGone(error: unknown): void {
  if (!(error instanceof EngineRefusal) || (error.status !== 404 && error.status !== 409)) throw error;
}

async function removeImages(context: Context, all: boolean): Promise<void> {
  for (const service of context.project.services.values()) {
    if (!all && new Section(service.definition).has('image')) continue;
    const name = imageName(context, service);
    context.progress.set(`Image ${name}`, 'Removing');
    try {
      await context.api.client.text('DELETE', imagePath(name));
      context.progress.set(`Image ${name}`, 'Removed', 'done');
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      context.progress.set(`Image ${name}`, error.status === 404 ? 'Not there' : error.reason, 'warning');
    }
  }
}
