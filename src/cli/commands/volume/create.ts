import type { Command } from '../../command.ts';
import { pairsToMap } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import { list, map, text } from '../../flags/index.ts';

const command: Command = {
  usage: '[OPTIONS] [VOLUME]',
  about: 'Makes a volume and prints its name; without one, the engine thinks of a name.',
  flags: [
    text('driver', 'Driver of the volume', { short: 'd', default: 'local' }),
    list('label', 'Set a label (name=value)'),
    text('name', '', { hidden: true }),
    map('opt', 'Option of the driver (name=value)', { short: 'o' }),
  ],
  args: [0, 1],
  async run(session, flags, [name]) {
    if (name !== undefined && flags.given('name'))
      throw new CommandFailure('conflicting options: cannot specify a volume-name through both --name and as a positional arg');
    const body = {
      Name: name ?? flags.text('name'),
      Driver: flags.text('driver'),
      DriverOpts: pairsToMap(flags.list('opt')),
      Labels: pairsToMap(flags.list('label')),
    };
    const client = await session.client();
    const made = await client.json<{ Name: string }>('POST', '/volumes/create', { body });
    session.out(`${made.Name}\n`);
  },
};
export default command;
