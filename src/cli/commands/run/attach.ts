import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { followSize, forwardSignals, pump, redraw, requireTerminal } from '../../terminal/index.ts';
import { containerPath } from '../each.ts';
import { attach, waitForExit } from './attached.ts';

interface Inspected {
  Id: string;
  State: { Running: boolean; Paused: boolean; Restarting: boolean };
  Config: { Tty: boolean; OpenStdin: boolean };
}

function checkState(state: Inspected['State']): void {
  if (!state.Running) throw new CommandFailure('You cannot attach to a stopped container, start it first');
  if (state.Paused) throw new CommandFailure('You cannot attach to a paused container, unpause it first');
  if (state.Restarting) throw new CommandFailure('You cannot attach to a restarting container, wait until it is running');
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  about: "Joins your input, output and error streams to a running container. The exit code is the container's own.",
  flags: [
    text('detach-keys', 'Keys that leave the container running (such as ctrl-p,ctrl-q)'),
    bool('no-stdin', 'Do not join standard input'),
    bool('sig-proxy', 'Hand signals on to the container', { default: 'true' }),
  ],
  args: [1, 1],
  completes: 'running',
  async run(session, flags, [name = '']) {
    const client = await session.client();
    const { Id: id, State, Config } = await client.json<Inspected>('GET', containerPath(name, '/json'));
    checkState(State);
    const stdin = !flags.bool('no-stdin') && Config.OpenStdin;
    if (Config.Tty && stdin) requireTerminal(session, 1);
    const { exit } = await waitForExit(session, client, id, 'next-exit');
    const signals =
      flags.bool('sig-proxy') && !Config.Tty
        ? forwardSignals(session, (signal) => client.text('POST', containerPath(id, '/kill'), { query: { signal } }))
        : undefined;
    const hijacked = await attach(session, client, id, { stdin, stdout: true, stderr: true }, flags.text('detach-keys'));
    const resize = (size: { h: number; w: number }) => client.text('POST', containerPath(id, '/resize'), { query: size });
    if (Config.Tty) await redraw(session, resize);
    const unfollow = Config.Tty ? followSize(session, resize) : undefined;
    try {
      const how = await pump(session, hijacked, {
        stdin,
        stdout: true,
        stderr: true,
        tty: Config.Tty,
        detachKeys: flags.text('detach-keys'),
      });
      if (how === 'ended') return await exit;
      session.err('read escape sequence\n');
      return 1;
    } finally {
      unfollow?.();
      signals?.stop();
    }
  },
};
export default command;
