import type { Command } from '../../command.ts';
import copy from '../../commands/container/cp.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, int, parseFlags } from '../../flags/index.ts';
import { chooseContainer, openContext, openProjectOrName } from './open.ts';

const serviceOf = (side: string) => (side === '-' || /^[./]/.test(side) ? undefined : /^([^:/]+):/.exec(side)?.[1]);

const command: Command = {
  usage: '[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tgantry compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH',
  flags: [
    bool('archive', 'Keep owners and groups', { short: 'a' }),
    bool('follow-link', 'Copy what a link leads to', { short: 'L' }),
    int('index', 'Number of the container, of several of one service'),
  ],
  args: [2, 2],
  completes: 'files',
  async run(session, flags, sides) {
    const services = sides.flatMap((side) => serviceOf(side) ?? []);
    if (services.length !== 1) throw new CommandFailure('one of the two sides must be SERVICE:PATH');
    const [service = ''] = services;
    const context = await openContext(session, openProjectOrName(session, services));
    const { id } = await chooseContainer(context, service, flags.number('index'));
    const passed = ['archive', 'follow-link'].filter((name) => flags.bool(name)).map((name) => `--${name}`);
    const given = sides.map((side) => (serviceOf(side) === undefined ? side : `${id}${side.slice(service.length)}`));
    return await copy.run(session, parseFlags(copy.flags, passed).flags, given);
  },
};
export default command;
