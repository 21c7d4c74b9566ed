import type { Command } from '../../command.ts';
import { currentContext } from '../../config/index.ts';

const command: Command = {
  usage: '',
  flags: [],
  args: [0, 0],
  async run(session) {
    session.out(`${currentContext(session.globals, session.env, session.settings)}\n`);
  },
};
export default command;
