import type { Command } from '../../command.ts';
import { environmentAddress, readContext } from '../../config/index.ts';

const command: Command = {
  usage: 'CONTEXT',
  flags: [],
  args: [1, 1],
  completes: 'contexts',
  async run(session, _flags, [name = '']) {
    if (name !== 'default') readContext(session.settings.folder, name);
    session.settings.change((file) => {
      if (name === 'default') delete file.currentContext;
      else file.currentContext = name;
    });
    session.out(`${name}\n`);
    session.err(`Current context is now ${JSON.stringify(name)}\n`);
    if (name !== 'default' && environmentAddress(session.env))
      session.err(
        'Warning: an address in the environment (GANTRY_HOST or DOCKER_HOST) overrides the context. Unset it to use the context.\n',
      );
  },
};
export default command;
