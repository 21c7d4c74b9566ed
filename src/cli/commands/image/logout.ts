import type { Command } from '../../command.ts';
import { eraseAuth, HUB_KEY, registryKey } from '../../config/index.ts';

const command: Command = {
  usage: '[SERVER]',
  about: 'Forgets the password for a registry. Docker Hub when no server is named.',
  flags: [],
  args: [0, 1],
  async run(session, _flags, [server]) {
    const key = server === undefined ? HUB_KEY : registryKey(server.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
    session.out(`Removing login credentials for ${key}\n`);
    if (!(await eraseAuth(session, key))) session.err(`Not logged in to ${key}\n`);
  },
};
export default command;
