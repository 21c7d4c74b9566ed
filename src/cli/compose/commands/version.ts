import { VERSION } from '../../about.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags/index.ts';

const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    text('format', 'How to print it', { short: 'f', choices: ['pretty', 'json'], default: 'pretty' }),
    bool('short', 'Only the number'),
  ],
  args: [0, 0],
  async run(session, flags) {
    if (flags.bool('short')) session.out(`${VERSION}\n`);
    else session.out(flags.text('format') === 'json' ? `${JSON.stringify({ version: VERSION })}\n` : `Gantry Compose version ${VERSION}\n`);
    return 0;
  },
};
export default command;
