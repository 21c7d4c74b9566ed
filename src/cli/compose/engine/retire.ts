import type { Observed } from '../plan/observed.ts';
import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { runHooks } from './make.ts';

/** Milliseconds between two looks at the connections of a container. */
const LOOK = 100;
/** Milliseconds that a relieved container goes on listening at least: for those that looked its name up a moment ago. */
const LEAST = 1000;
/** Milliseconds for connections to end by themselves, unless `x-gantry: {drain: …}` says something else. */
const DRAIN = 10_000;

/** Waits until nobody is connected to a container any more, or its time is over. */
export async function drain(context: Context, service: Service, old: Pick<Observed, 'id' | 'name'>): Promise<void> {
  const { api, session, progress } = context;
  const limit = new Section(service.definition).section('x-gantry').duration('drain');
  const patience = limit === undefined ? DRAIN : limit / 1e6;
  const begun = session.clock.now();
  for (;;) {
    const place = await api.place(old.id);
    const connections = place?.Connections ?? 0;
    const waited = session.clock.now() - begun;
    if (waited >= Math.max(patience, LEAST) || (connections === 0 && waited >= LEAST)) return;
    progress.set(
      `Container ${old.name}`,
      connections === 0 ? 'Draining' : `Draining ${connections} connection${connections === 1 ? '' : 's'}`,
    );
    await session.clock.sleep(LOOK);
  }
}

/** Takes a container out of service before it is stopped, where others of its service go on: nobody is sent to it any more. */
export async function standDown(context: Context, service: Service, old: Pick<Observed, 'id' | 'name'>): Promise<void> {
  if (!(await handsOver(context, service, old))) return;
  await context.api.standDown(old.id);
  await drain(context, service, old);
}

/** Whether the engine can move names and ports of a service's containers, and they have a network of their own. */
export const handsOver = async ({ api }: Context, { definition }: Service, { id }: Pick<Observed, 'id'>): Promise<boolean> =>
  definition['network_mode'] === undefined && (await api.canHandOver(id));

export async function stopContainer(context: Context, service: Service | undefined, old: Pick<Observed, 'id' | 'name'>): Promise<void> {
  const what = `Container ${old.name}`;
  context.progress.set(what, 'Stopping');
  if (service) await runHooks(context, service, old.id, 'pre_stop');
  await context.api.stop(old.id, context.timeout);
  context.progress.set(what, 'Stopped', 'done');
}

export async function removeContainer(context: Context, old: Pick<Observed, 'id' | 'name'>, volumes = false): Promise<void> {
  const what = `Container ${old.name}`;
  context.progress.set(what, 'Removing');
  await context.api.remove(old.id, { volumes, force: true });
  context.progress.set(what, 'Removed', 'done');
}
