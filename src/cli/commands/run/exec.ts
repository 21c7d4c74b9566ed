import type { EngineClient } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { readEnvironment } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, list, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { detachKeys, followSize, pump, requireTerminal, terminalSize } from '../../terminal/index.ts';
import { containerPath } from '../each.ts';

function execBody(session: Session, flags: Flags, words: readonly string[]): Record<string, unknown> {
  const detach = flags.bool('detach');
  const tty = flags.bool('tty');
  const size = tty && !detach ? terminalSize(session) : undefined;
  const keys = flags.text('detach-keys') || session.settings.file.detachKeys;
  return {
    User: flags.text('user'),
    Privileged: flags.bool('privileged'),
    Tty: tty,
    ...(size ? { ConsoleSize: [size.h, size.w] } : {}),
    AttachStdin: !detach && flags.bool('interactive'),
    AttachStdout: !detach,
    AttachStderr: !detach,
    ...(keys ? { DetachKeys: keys } : {}),
    Env: readEnvironment(flags.list('env-file'), flags.list('env'), session.env),
    WorkingDir: flags.text('workdir'),
    Cmd: words,
  };
}

async function runAttached(session: Session, client: EngineClient, flags: Flags, id: string): Promise<number> {
  const tty = flags.bool('tty');
  const stdin = flags.bool('interactive');
  const size = tty ? terminalSize(session) : undefined;
  const hijacked = await client.hijack(`/exec/${id}/start`, {
    body: { Detach: false, Tty: tty, ...(size ? { ConsoleSize: [size.h, size.w] } : {}) },
  });
  const unfollow = tty ? followSize(session, (now) => client.text('POST', `/exec/${id}/resize`, { query: now })) : undefined;
  try {
    const how = await pump(session, hijacked, {
      stdin,
      stdout: true,
      stderr: true,
      tty,
      detachKeys: detachKeys(session, flags.text('detach-keys')),
    });
    if (how === 'detached') {
      session.err('read escape sequence\n');
      return 1;
    }
  } finally {
    unfollow?.();
  }
  const { ExitCode, Running } = await client.json<{ ExitCode: number | null; Running: boolean }>('GET', `/exec/${id}/json`);
  if (Running) throw new CommandFailure('the output ended, but the command is still running');
  return ExitCode ?? 0;
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  about: "Runs one more command in a running container. The exit code is the command's own.",
  flags: [
    bool('detach', 'Leave it running in the background', { short: 'd' }),
    text('detach-keys', 'Keys that leave the command running (such as ctrl-p,ctrl-q)'),
    list('env', 'Set an environment variable (NAME=value, or NAME to hand yours on)', { short: 'e' }),
    list('env-file', 'Read environment variables from a file', { completes: 'files' }),
    bool('interactive', 'Join your standard input to it', { short: 'i' }),
    bool('privileged', 'Give it all rights of the host'),
    bool('tty', 'Give it a terminal', { short: 't' }),
    text('user', 'User and group (name|uid[:group|gid])', { short: 'u' }),
    text('workdir', 'Folder to start in', { short: 'w' }),
  ],
  args: [2, Number.POSITIVE_INFINITY],
  completes: 'running',
  stopAtArgument: true,
  async run(session, flags, [name = '', ...words]) {
    const detach = flags.bool('detach');
    const body = execBody(session, flags, words);
    if (!detach && flags.bool('tty') && flags.bool('interactive')) requireTerminal(session, 1);
    const client = await session.client();
    const { Id: id } = await client.json<{ Id: string }>('POST', containerPath(name, '/exec'), { body });
    if (!id) throw new CommandFailure('exec ID empty');
    if (!detach) return runAttached(session, client, flags, id);
    await client.text('POST', `/exec/${id}/start`, { body: { Detach: true, Tty: flags.bool('tty') } });
    return 0;
  },
};
export default command;
