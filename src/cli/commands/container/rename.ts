import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { containerPath } from '../each.ts';

const command: Command = {
  usage: 'CONTAINER NEW_NAME',
  flags: [],
  args: [2, 2],
  completes: 'containers',
  async run(session, _flags, [oldName = '', newName = '']) {
    if (oldName.trim() === '' || newName.trim() === '') throw new CommandFailure('Error: Neither old nor new names may be empty');
    const client = await session.client();
    await client.text('POST', containerPath(oldName.trim(), '/rename'), { query: { name: newName.trim() } }).catch((error: unknown) => {
      if (!(error instanceof CommandFailure)) throw error;
      throw new CommandFailure(`${error.message}\nError: failed to rename container named ${oldName}`, 1, error);
    });
  },
};
export default command;
