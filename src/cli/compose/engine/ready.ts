import { CommandFailure } from '../../failure.ts';
import type { Inspected } from './api.ts';
import type { Context } from './context.ts';

/** Milliseconds between two looks. */
const LOOK = 100;
/** Milliseconds that a container without health check has to live to count as ready, unless the file says more (`monitor`). */
export const MOMENT = 1000;
const LAST_LINES = 10;

/** Why a container that should run does not, with the last that it wrote. */
export async function whyNot(context: Context, id: string, name: string, inspected: Inspected): Promise<string> {
  const { State } = inspected;
  const probe = State.Health?.Log?.at(-1);
  const reason =
    State.Running && State.Health?.Status === 'unhealthy'
      ? `is unhealthy: its check ended with ${probe?.ExitCode ?? '?'}${probe?.Output ? `: ${probe.Output.trim()}` : ''}`
      : State.Error !== ''
        ? `did not start: ${State.Error}`
        : `ended with exit code ${State.ExitCode}${State.OOMKilled ? ' (out of memory)' : ''}`;
  const lines = await context.api.lastLines(id, LAST_LINES).catch(() => '');
  return `container ${name} ${reason}${lines === '' ? '' : `\n${lines.replaceAll(/^/gm, `  ${name} | `)}`}`;
}

/** Resolves when the container can do its work: its check passed, or it has lived for `moment` milliseconds. Throws `CommandFailure` that says why not. */
export async function waitReady(context: Context, id: string, name: string, moment = MOMENT): Promise<void> {
  const { api, session, signal } = context;
  const begun = session.clock.now();
  let restarts: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const inspected = await api.find(id);
    if (!inspected) throw new CommandFailure(`container ${name} was removed while it was waited for`);
    const { State } = inspected;
    restarts ??= State.Running ? State.StartedAt : undefined;
    const health = State.Health?.Status ?? 'none';
    // A policy that starts it again and again must not hide that it does not live.
    const endedOnce = !State.Running || (restarts !== undefined && State.StartedAt !== restarts);
    if (endedOnce || health === 'unhealthy') throw new CommandFailure(await whyNot(context, id, name, inspected));
    if (health === 'healthy' || (health === 'none' && session.clock.now() - begun >= moment)) return;
    await session.clock.sleep(LOOK);
  }
}

/** Resolves to the exit code when the container has ended by itself. */
export async function waitEnded(context: Context, id: string): Promise<number> {
  const { StatusCode } = await context.api.client.json<{ StatusCode: number }>('POST', `/containers/${id}/wait`, {
    query: { condition: 'not-running' },
    signal: context.signal,
  });
  return StatusCode;
}
