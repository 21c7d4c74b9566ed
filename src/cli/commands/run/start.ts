import type { EngineClient } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { followSize, forwardSignals, pump } from '../../terminal/index.ts';
import { containerPath } from '../each.ts';
import { attach, waitForExit } from './attached.ts';

interface Inspected {
  Id: string;
  Config: { Tty: boolean; OpenStdin: boolean };
  HostConfig: { AutoRemove?: boolean };
}

async function startAttached(session: Session, client: EngineClient, flags: Flags, name: string): Promise<number> {
  const { Id: id, Config, HostConfig } = await client.json<Inspected>('GET', containerPath(name, '/json'));
  const stdin = flags.bool('interactive') && Config.OpenStdin;
  const keys = flags.text('detach-keys');
  const signals = Config.Tty
    ? undefined
    : forwardSignals(session, (signal) => client.text('POST', containerPath(id, '/kill'), { query: { signal } }));
  const hijacked = await attach(session, client, id, { stdin, stdout: true, stderr: true }, keys);
  const { exit } = await waitForExit(session, client, id, HostConfig.AutoRemove ? 'removed' : 'next-exit');
  const output = pump(session, hijacked, { stdin, stdout: true, stderr: true, tty: Config.Tty, detachKeys: keys });
  output.catch(() => {});
  await client.text('POST', containerPath(id, '/start'));
  const unfollow = Config.Tty
    ? followSize(session, (size) => client.text('POST', containerPath(id, '/resize'), { query: size }))
    : undefined;
  try {
    if ((await output) === 'ended') return await exit;
    session.err('read escape sequence\n');
    return 0;
  } finally {
    unfollow?.();
    signals?.stop();
  }
}

async function startEach(session: Session, client: EngineClient, names: readonly string[]): Promise<undefined> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await client.text('POST', containerPath(name, '/start'));
      session.out(`${name}\n`);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      session.err(`${error.message}\n`);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new CommandFailure(`Error: failed to start containers: ${failed.join(', ')}`);
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    bool('attach', 'Show the output and hand signals on', { short: 'a' }),
    text('checkpoint', '', { hidden: true }),
    text('detach-keys', 'Keys that leave the container running (such as ctrl-p,ctrl-q)'),
    bool('interactive', 'Join your standard input to it', { short: 'i' }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, flags, names) {
    if (flags.given('checkpoint')) throw new CommandFailure('--checkpoint is not supported: this engine keeps no checkpoints');
    const client = await session.client();
    if (!flags.bool('attach') && !flags.bool('interactive')) return startEach(session, client, names);
    if (names.length > 1) throw new CommandFailure('you cannot start and attach multiple containers at once');
    return startAttached(session, client, flags, names[0] ?? '');
  },
};
export default command;
