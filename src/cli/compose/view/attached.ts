import { CommandFailure } from '../../failure.ts';
import { chooseContainers } from '../commands/open.ts';
import type { Context } from '../engine/context.ts';
import { fromTheTop } from '../engine/down.ts';
import { stopContainer } from '../engine/retire.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import { Section } from '../project/section.ts';
import { follow } from './follow.ts';
import { LogView } from './logs.ts';

export interface AttachWishes {
  readonly services: readonly string[];
  /** Milliseconds since the epoch: containers that ran before show what they write from then on. */
  readonly since: number;
  readonly prefix: boolean;
  readonly colour: boolean;
  readonly timestamps: boolean;
  readonly untilFirst: boolean;
  readonly untilFailure: boolean;
  readonly codeFrom: string;
}

const INTERRUPTED = 130;

/** Shows the logs until all containers have ended or the user has had enough; then stops them. Resolves to the exit code. */
export async function attachTo(context: Context, wishes: AttachWishes): Promise<number> {
  const { session } = context;
  const containers = (await chooseContainers(context, wishes.services)).filter((one) => isFollowed(context, one));
  if (wishes.codeFrom !== '' && !containers.some(({ service }) => service === wishes.codeFrom))
    throw new CommandFailure(`--exit-code-from: no such service: ${wishes.codeFrom}`);
  const leave = new AbortController();
  const interrupted = heedSignals(context, containers);
  let decisive: number | undefined;
  const first = Promise.withResolvers<void>();
  const all = showAll(context, containers, wishes, leave.signal, (one, code) => {
    const ends = wishes.codeFrom === '' ? wishes.untilFirst || (wishes.untilFailure && code !== 0) : one.service === wishes.codeFrom;
    if (!ends) return;
    // What ends afterwards was ended by us: its exit code says nothing.
    decisive ??= code;
    first.resolve();
  });
  try {
    const how = await Promise.race([
      all.then(() => 'ended'),
      first.promise.then(() => 'aborted'),
      interrupted.promise.then(() => 'interrupted'),
    ]);
    if (how === 'ended') return decisive ?? 0;
    if (how === 'interrupted') session.err('\nGracefully stopping... (press Ctrl+C again to force)\n');
    await stopAll(context);
    leave.abort();
    await all.catch(() => undefined);
    return how === 'interrupted' ? INTERRUPTED : (decisive ?? 0);
  } finally {
    leave.abort();
    interrupted.stop();
  }
}

/** The first interrupt settles the promise; further ones kill. */
function heedSignals({ session, api }: Context, containers: readonly Observed[]): { promise: Promise<void>; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let interrupts = 0;
  const onSignal = () => {
    interrupts += 1;
    if (interrupts === 1) resolve();
    // Those that have ended by now refuse; that is as well.
    else for (const { id } of containers) api.kill(id, 'SIGKILL').catch(() => undefined);
  };
  const stops = (['SIGINT', 'SIGTERM'] as const).map((name) => session.onSignal(name, onSignal));
  return {
    promise,
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** Resolves when the logs of all have ended; `ended` is told of each exit. */
async function showAll(
  context: Context,
  containers: readonly Observed[],
  { since, prefix, colour, timestamps }: AttachWishes,
  signal: AbortSignal,
  ended: (one: Observed, code: number) => void,
): Promise<void> {
  const { session, api, project } = context;
  const options = { follow: true, tail: 'all', since: (since / 1000).toFixed(3), prefix, colour, timestamps, signal };
  const view = new LogView(session, api, project.name, options);
  view.expect(containers.map(({ name }) => name));
  await Promise.all(
    containers.map(async (one) => {
      const code = await follow(context, view, one, signal);
      if (code === undefined) return;
      session.out(`${view.shortName(one.name)} exited with code ${code}\n`);
      ended(one, code);
    }),
  );
}

const isFollowed = ({ project }: Context, { service }: Observed) =>
  new Section(project.services.get(service)?.definition).truth('attach') !== false;

async function stopAll(context: Context): Promise<void> {
  using _progress = context.progress;
  const running = (await chooseContainers(context, [])).filter(isRunning);
  await fromTheTop(context, running, (one, service) => stopContainer(context, service, one));
}
