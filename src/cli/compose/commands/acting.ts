import type { Command } from '../../command.ts';
import { type FlagSpec, type Flags, int } from '../../flags/index.ts';
import type { Context } from '../engine/context.ts';
import { fromTheTop } from '../engine/down.ts';
import { runHooks } from '../engine/make.ts';
import type { Observed } from '../plan/observed.ts';
import { inOrder } from '../plan/order.ts';
import type { Service } from '../project/project.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

export const timeoutFlag = int('timeout', 'Seconds that a container gets to stop', { short: 't' });

export interface Acting {
  readonly about?: string;
  readonly flags?: readonly FlagSpec[];
  /** Shown while it is done and afterwards: `Pausing`, `Paused`. */
  readonly words: readonly [doing: string, done: string];
  /** Whether it concerns this container. */
  readonly fits: (one: Observed) => boolean;
  /** Services that need others first (`users`), or last (`needs`). */
  readonly order: 'users' | 'needs';
  act(context: Context, one: Observed, flags: Flags, service: Service | undefined): Promise<unknown>;
}

/** A command that does one thing to the containers of the services named, or of all. */
export function actingCommand({ about, flags = [], words: [doing, done], fits, order, act }: Acting): Command {
  return {
    usage: '[OPTIONS] [SERVICE...]',
    ...(about === undefined ? {} : { about }),
    flags,
    args: [0, Number.POSITIVE_INFINITY],
    async run(session, given, services) {
      const project = openProjectOrName(session, services);
      const withTimeout = flags.some(({ name }) => name === 'timeout') && given.given('timeout');
      const context = await openContext(session, project, withTimeout ? given.number('timeout') : undefined);
      using progress = context.progress;
      const chosen = (await chooseContainers(context, services)).filter(fits);
      const work = async (one: Observed, service: Service | undefined) => {
        progress.set(`Container ${one.name}`, doing);
        try {
          await act(context, one, given, service);
        } catch (error) {
          progress.set(`Container ${one.name}`, 'Error', 'failed');
          throw error;
        }
        progress.set(`Container ${one.name}`, done, 'done');
      };
      if (order === 'users') await fromTheTop(context, chosen, work);
      else await fromTheBottom(context, chosen, work);
      return 0;
    },
  };
}

async function fromTheBottom(
  context: Context,
  chosen: readonly Observed[],
  work: (one: Observed, service: Service | undefined) => Promise<void>,
): Promise<void> {
  const { project } = context;
  const known = project.services.size > 0 ? inOrder(project, []) : [];
  const names = [...known, ...new Set(chosen.map(({ service }) => service).filter((name) => !known.includes(name)))];
  for (const name of names)
    await Promise.all(chosen.filter(({ service }) => service === name).map((one) => work(one, project.services.get(name))));
}

export async function startAndHook(context: Context, one: Observed, service: Service | undefined): Promise<void> {
  await context.api.start(one.id);
  if (service) await runHooks(context, service, one.id, 'post_start');
}
