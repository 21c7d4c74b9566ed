import type { EngineClient } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CREATE_FLAGS, type CreateBody } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { followSize, forwardSignals, parseDetachKeys, pump, requireTerminal, terminalSize } from '../../terminal/index.ts';
import { containerPath } from '../each.ts';
import { attach, type Streams, waitForExit } from './attached.ts';
import { asRunFailure, createContainer } from './create-container.ts';

/** Exit code for a container that could not be started: 127 for a missing program, 126 for one that cannot be run. */
export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/i.test(message)) return 127;
  if (/permission denied|is a directory|exec format error|invalid argument.*exec/i.test(message)) return 126;
  return 125;
}

function adjustBody(session: Session, flags: Flags, body: CreateBody): void {
  if (flags.bool('detach')) {
    body.AttachStdin = false;
    body.AttachStdout = false;
    body.AttachStderr = false;
    body.StdinOnce = false;
    return;
  }
  const size = body.Tty ? terminalSize(session) : undefined;
  if (size) body.HostConfig.ConsoleSize = [size.h, size.w];
}

async function start(client: EngineClient, id: string, streams: Promise<unknown> | undefined): Promise<void> {
  try {
    await client.text('POST', containerPath(id, '/start'));
  } catch (error) {
    void streams?.catch(() => {});
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(message, startFailureCode(message), error);
  }
}

/** Runs a container with the user's streams joined to it. Resolves to its exit code. */
async function runAttached(session: Session, client: EngineClient, flags: Flags, id: string, body: CreateBody): Promise<number> {
  const streams: Streams = { stdin: body.AttachStdin, stdout: body.AttachStdout, stderr: body.AttachStderr };
  const keys = flags.text('detach-keys');
  const signals = flags.bool('sig-proxy')
    ? forwardSignals(session, (signal) => client.text('POST', containerPath(id, '/kill'), { query: { signal } }))
    : undefined;
  const stops: (() => void)[] = [() => signals?.stop()];
  try {
    const hijacked = streams.stdin || streams.stdout || streams.stderr ? await attach(session, client, id, streams, keys) : undefined;
    const { exit } = await waitForExit(session, client, id, flags.bool('rm') ? 'removed' : 'next-exit');
    const output = hijacked ? pump(session, hijacked, { ...streams, tty: body.Tty, detachKeys: keys }) : undefined;
    output?.catch(() => {});
    await start(client, id, output);
    if (body.Tty) stops.push(followSize(session, (size) => client.text('POST', containerPath(id, '/resize'), { query: size })));
    const ended = await Promise.race([output ?? exit, ...(signals ? [signals.gaveUp] : [])]);
    if (ended === 'detached') return detached(session);
    // The stream also ends when the engine goes away, or lets go of the user: then the exit is not near.
    return await Promise.race([exit, ...(signals ? [signals.gaveUp] : [])]);
  } finally {
    for (const stop of stops) stop();
  }
}

/** Leaving the container to itself is what the user asked for: told, and no failure. */
function detached(session: Session): number {
  session.err('read escape sequence\n');
  return 0;
}

const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  about: "Makes a container of an image, starts it, and shows its output. The exit code is the container's own.",
  flags: [
    ...CREATE_FLAGS,
    bool('detach', 'Leave it running in the background and print its id', { short: 'd' }),
    text('detach-keys', 'Keys that leave the container running (such as ctrl-p,ctrl-q)'),
    bool('sig-proxy', 'Hand signals on to the container', { default: 'true' }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'images',
  stopAtArgument: true,
  async run(session, flags, [image = '', ...words]) {
    if (flags.bool('detach') && flags.given('attach'))
      throw new CommandFailure('conflicting options: cannot specify both --attach and --detach');
    const reads = flags.given('attach') ? flags.list('attach').some((name) => name.toLowerCase() === 'stdin') : flags.bool('interactive');
    if (flags.bool('tty') && reads && !flags.bool('detach')) requireTerminal(session, 1);
    try {
      parseDetachKeys(flags.text('detach-keys'));
      const { id, body } = await createContainer(session, flags, image, words, (made) => adjustBody(session, flags, made));
      const client = await session.client();
      if (!flags.bool('detach')) return await runAttached(session, client, flags, id, body);
      await start(client, id, undefined);
      session.out(`${id}\n`);
      return 0;
    } catch (error) {
      throw asRunFailure(error, 'run');
    }
  },
};
export default command;
