import { CommandFailure } from '../../failure.ts';
import { chooseContainers } from '../commands/open.ts';
import type { Context } from '../engine/context.ts';
import { fromTheTop } from '../engine/down.ts';
import { stopContainer } from '../engine/retire.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
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
const LOOK = 200;

/** Shows the logs until all containers have ended or the user has had enough; then stops them. Resolves to the exit code. */
export async function attachTo(context: Context, wishes: AttachWishes): Promise<number> {
  const { session, project } = context;
  const containers = (await chooseContainers(context, wishes.services)).filter(isFollowed);
  if (wishes.codeFrom !== '' && !containers.some(({ service }) => service === wishes.codeFrom))
    throw new CommandFailure(`--exit-code-from: no such service: ${wishes.codeFrom}`);
  const leave = new AbortController();
  const view = new LogView(session, context.api, project.name, {
    follow: true,
    timestamps: wishes.timestamps,
    tail: 'all',
    prefix: wishes.prefix,
    colour: wishes.colour,
    signal: leave.signal,
    since: (wishes.since / 1000).toFixed(3),
  });
  view.expect(containers.map(({ name }) => name));
  let code = 0;
  let interrupts = 0;
  const interrupted = Promise.withResolvers<void>();
  const onSignal = () => {
    interrupts += 1;
    if (interrupts === 1) interrupted.resolve();
    else void Promise.all(containers.map(({ id }) => context.api.kill(id, 'SIGKILL').catch(() => undefined)));
  };
  const stops = (['SIGINT', 'SIGTERM'] as const).map((name) => session.onSignal(name, onSignal));
  const first = Promise.withResolvers<void>();
  const all = Promise.all(
    containers.map(async (one) => {
      const ended = await follow(context, view, one, leave.signal);
      if (ended === undefined) return;
      session.out(`${view.shortName(one.name)} exited with code ${ended}\n`);
      if (
        wishes.codeFrom === '' ? ended !== 0 && (wishes.untilFirst || wishes.untilFailure) && code === 0 : one.service === wishes.codeFrom
      )
        code = ended;
      const matters = wishes.codeFrom === '' ? wishes.untilFirst || (wishes.untilFailure && ended !== 0) : one.service === wishes.codeFrom;
      if (matters) first.resolve();
    }),
  );
  try {
    const how = await Promise.race([
      all.then(() => 'ended'),
      first.promise.then(() => 'aborted'),
      interrupted.promise.then(() => 'interrupted'),
    ]);
    if (how === 'ended') return code;
    if (how === 'interrupted') session.err('\nGracefully stopping... (press Ctrl+C again to force)\n');
    await stopAll(context);
    leave.abort();
    await all.catch(() => undefined);
    return how === 'interrupted' ? INTERRUPTED : code;
  } finally {
    leave.abort();
    for (const stop of stops) stop();
  }
}

const isFollowed = ({ labels }: Observed) => labels['com.docker.compose.attach'] !== 'false';

async function stopAll(context: Context): Promise<void> {
  using _progress = context.progress;
  const running = (await chooseContainers(context, [])).filter(isRunning);
  await fromTheTop(context, running, (one, service) => stopContainer(context, service, one));
}

/** Shows one container to its end, over restarts by its policy. Resolves to its exit code; undefined when it was left or removed. */
async function follow(context: Context, view: LogView, one: Observed, signal: AbortSignal): Promise<number | undefined> {
  const { api, session } = context;
  let since: Partial<{ since: string }> = {};
  for (;;) {
    await view.show(one, since).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return undefined;
    since = { since: (session.clock.now() / 1000).toFixed(3) };
    const inspected = await api.find(one.id);
    if (!inspected) return undefined;
    if (inspected.State.Status === 'exited' || inspected.State.Status === 'dead') return inspected.State.ExitCode;
    await session.clock.sleep(LOOK);
  }
}
