import type { Command } from '../../command.ts';
import execute from '../../commands/run/exec.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, int, list, parseFlags, text } from '../../flags/index.ts';
import { chooseContainer, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] SERVICE COMMAND [ARG...]',
  about: "Runs one more command in a container of a service. The exit code is the command's own.",
  flags: [
    bool('detach', 'Leave it running in the background', { short: 'd' }),
    list('env', 'Set an environment variable (NAME=value)', { short: 'e' }),
    int('index', 'Number of the container, of several of one service'),
    bool('interactive', 'Join your standard input to it', { short: 'i', default: 'true', hidden: true }),
    bool('no-tty', 'Give it no terminal (that is so where you have none)', { short: 'T' }),
    bool('privileged', 'Give it all rights of the host'),
    bool('tty', '', { short: 't', hidden: true }),
    text('user', 'User and group (name|uid[:group|gid])', { short: 'u' }),
    text('workdir', 'Folder to start in', { short: 'w' }),
  ],
  args: [2, Number.POSITIVE_INFINITY],
  stopAtArgument: true,
  async run(session, flags, [service = '', ...words]) {
    const context = await openContext(session, openProjectOrName(session, [service]));
    const { id, state, name } = await chooseContainer(context, service, flags.number('index'));
    if (state !== 'running') throw new CommandFailure(`service ${service} is not running: container ${name} is ${state}`);
    const terminal = !flags.bool('no-tty') && !flags.bool('detach') && session.stdout.isTTY === true && session.stdin().isTTY === true;
    const passed = [
      ...(flags.bool('detach') ? ['--detach'] : []),
      ...(terminal ? ['--tty'] : []),
      ...(flags.bool('interactive') && !flags.bool('detach') ? ['--interactive'] : []),
      ...(flags.bool('privileged') ? ['--privileged'] : []),
      ...flags.list('env').map((one) => `--env=${one}`),
      ...['user', 'workdir'].flatMap((key) => (flags.text(key) === '' ? [] : [`--${key}=${flags.text(key)}`])),
    ];
    return await execute.run(session, parseFlags(execute.flags, passed).flags, [id, ...words]);
  },
};
export default command;
