import type { Context } from '../engine/context.ts';
import type { Observed } from '../plan/observed.ts';
import type { LogOptions, LogView } from './logs.ts';

/** Milliseconds between two looks at a container that has ended for the moment. */
const LOOK = 200;

type Followed = Pick<Observed, 'id' | 'name'>;

/**
 * Shows what a container writes, and what its successor does when it is replaced, over restarts by its policy. Resolves to the exit code of
 * the last one; undefined when it was left or removed.
 */
export async function follow(
  { api, session, project }: Context,
  view: LogView,
  first: Followed,
  signal: AbortSignal,
): Promise<number | undefined> {
  const line: Followed[] = [first];
  let more: Partial<LogOptions> = {};
  for (let current: Followed | undefined = first; current; ) {
    await view.show(current, more).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return undefined;
    const ended = session.clock.now();
    const id: string = current.id;
    const successor: Observed | undefined = (await api.containers(project.name)).find(({ replaces }) => replaces === id);
    if (successor) {
      line.push(successor);
      current = successor;
      more = { tail: 'all' };
      continue;
    }
    const inspected = await api.find(id);
    if (inspected && ['exited', 'dead'].includes(inspected.State.Status)) return inspected.State.ExitCode;
    // A successor that did not get ready is gone: the one before it goes on.
    if (!inspected) {
      line.pop();
      current = line.at(-1);
    }
    more = { since: (ended / 1000).toFixed(3), tail: 'all' };
    await session.clock.sleep(LOOK);
  }
  return undefined;
}
