import { checkOutput, writeArchive } from '../../archive/output.ts';
import type { Command } from '../../command.ts';
import { text } from '../../flags/index.ts';
import { containerPath } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  flags: [text('output', 'Write to this file instead of standard output', { short: 'o', completes: 'files' })],
  args: [1, 1],
  completes: 'containers',
  async run(session, flags, [name = '']) {
    checkOutput(session, flags.text('output'));
    const client = await session.client();
    await writeArchive(session, await client.stream('GET', containerPath(name, '/export')), flags.text('output'));
  },
};
export default command;
