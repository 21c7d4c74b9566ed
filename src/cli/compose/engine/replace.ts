import { CommandFailure } from '../../failure.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import type { ServicePlan, Step } from '../plan/plan.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { type MakeOptions, makeContainer, runHooks } from './make.ts';
import { MOMENT, waitReady } from './ready.ts';
import { drain, handsOver, removeContainer, standDown, stopContainer } from './retire.ts';

export type Replacement = Extract<Step, { kind: 'replace' }>;

/** A container that has taken the place of another, and how to settle it for good or for bad. */
export interface Replaced {
  /** The old one goes for ever. */
  commit(): Promise<void>;
  /** The old one serves again, and the new one goes. */
  rollBack(): Promise<void>;
}

export interface Making extends Pick<MakeOptions, 'image' | 'imageId' | 'containersOf'> {
  /** Anonymous volumes start empty. */
  readonly renewVolumes: boolean;
  /** The service has other containers. */
  readonly siblings: boolean;
}

/** While two are there, the new one has the id of the old one before its name, as with Docker Compose. */
const temporaryName = (old: Observed, name: string) => (old.name === name ? `${old.id.slice(0, 12)}_${name}` : name);

/**
 * Puts a new container in the place of an old one, which is kept until `commit`. When the new one does not get ready, it is removed, the
 * old one serves as before, and the `CommandFailure` says why.
 */
export async function replace(context: Context, plan: ServicePlan, step: Replacement, making: Making): Promise<Replaced> {
  const { old, name, number, manner } = step;
  context.signal.throwIfAborted();
  context.progress.set(`Container ${old.name}`, `Replacing (${step.because.join(', ')})`);
  const id = await makeContainer(context, plan, {
    ...making,
    name,
    temporaryName: temporaryName(old, name),
    number,
    replaces: old.id,
    kept: making.renewVolumes ? new Map() : await anonymousVolumes(context, old),
  });
  const shown = temporaryName(old, name);
  return manner.order === 'start-first'
    ? await startFirst(context, plan, step, id, shown)
    : await stopFirst(context, plan, step, id, shown, making.siblings);
}

async function startFirst(context: Context, plan: ServicePlan, { old, name }: Replacement, id: string, shown: string): Promise<Replaced> {
  const { api, progress } = context;
  const { service } = plan;
  try {
    await api.standBy(id, old.id);
    await begin(context, plan, id, shown);
    await api.takeOver(id);
  } catch (error) {
    throw await undone(context, error, { id, shown, old, note: 'goes on as before' });
  }
  progress.set(`Container ${shown}`, 'Took over', 'done');
  return {
    async commit() {
      await drain(context, service, old);
      await stopContainer(context, service, old);
      await removeContainer(context, old);
      if (shown !== name) await api.rename(id, name);
      progress.set(`Container ${name}`, 'Replaced', 'done');
    },
    async rollBack() {
      await api.takeOver(old.id);
      progress.set(`Container ${old.name}`, 'Serves again', 'done');
      await drain(context, service, { id, name: shown });
      await removeContainer(context, { id, name: shown }, true);
    },
  };
}

async function stopFirst(
  context: Context,
  plan: ServicePlan,
  { old, name, manner }: Replacement,
  id: string,
  shown: string,
  siblings: boolean,
): Promise<Replaced> {
  const { api, progress } = context;
  const ran = isRunning(old);
  if (manner.why !== undefined)
    progress.say(`services.${plan.service.name}: the old container stops before the new one starts: ${manner.why}`);
  const moves = ran && (await handsOver(context, plan.service, old));
  const again = async () => {
    await api.stop(id, context.timeout);
    if (ran) await api.start(old.id);
    // It may not have been stopped yet.
    if (moves) await api.takeOver(old.id);
  };
  try {
    // Nobody is sent to the new one before it is ready.
    if (moves) await api.standBy(id, old.id);
    if (ran && siblings) await standDown(context, plan.service, old);
    if (ran) await stopContainer(context, plan.service, old);
    await begin(context, plan, id, shown, ran);
    if (moves) await api.takeOver(id);
  } catch (error) {
    await again();
    throw await undone(context, error, { id, shown, old, note: ran ? 'was started again' : 'is still there' });
  }
  return {
    async commit() {
      await removeContainer(context, old);
      if (shown !== name) await api.rename(id, name);
      progress.set(`Container ${name}`, 'Replaced', 'done');
    },
    async rollBack() {
      await again();
      await removeContainer(context, { id, name: shown }, true);
      progress.set(`Container ${old.name}`, 'Serves again', 'done');
    },
  };
}

/** Starts the new container and waits until it can do its work. */
async function begin(context: Context, plan: ServicePlan, id: string, shown: string, ready = true): Promise<void> {
  const monitor = new Section(plan.service.definition).section('deploy').section('update_config').duration('monitor');
  context.progress.set(`Container ${shown}`, 'Starting');
  await context.api.start(id);
  await runHooks(context, plan.service, id, 'post_start');
  if (ready) {
    context.progress.set(`Container ${shown}`, 'Waiting');
    await waitReady(context, id, shown, monitor === undefined ? MOMENT : monitor / 1e6);
  }
  context.progress.set(`Container ${shown}`, 'Ready', 'done');
}

/** Takes the new container away again. Resolves to the error that tells what came of it. */
async function undone(
  context: Context,
  error: unknown,
  { id, shown, old, note }: { id: string; shown: string; old: Observed; note: string },
): Promise<CommandFailure> {
  context.progress.set(`Container ${shown}`, 'Error', 'failed');
  await context.api.remove(id, { volumes: true, force: true });
  context.progress.set(`Container ${old.name}`, `Kept: it ${note}`, 'warning');
  const why = error instanceof Error ? error.message : String(error);
  return new CommandFailure(`services.${old.service}: not updated, and ${old.name} ${note}: ${why}`, 1, error);
}

/** Anonymous volumes of a container, by target: what is in them belongs to the service, not to the container. */
export async function anonymousVolumes(context: Pick<Context, 'api'>, { id }: Pick<Observed, 'id'>): Promise<Map<string, string>> {
  const mounts = (await context.api.find(id))?.Mounts ?? [];
  return new Map(
    mounts
      .filter(({ Type, Name }) => Type === 'volume' && /^[0-9a-f]{64}$/.test(Name ?? ''))
      .map(({ Destination, Name }) => [Destination, Name ?? '']),
  );
}
