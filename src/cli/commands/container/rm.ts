import { EngineRefusal } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool } from '../../flags/index.ts';
import { containerPath, forEachName } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    bool('force', 'Remove running containers too, by killing them', { short: 'f' }),
    bool('link', 'Remove only the named link', { short: 'l' }),
    bool('volumes', "Remove the containers' unnamed volumes too", { short: 'v' }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, flags, names) {
    const client = await session.client();
    const query = { v: flags.bool('volumes'), link: flags.bool('link'), force: flags.bool('force') };
    const remove = async (given: string) => {
      const name = given.replace(/^\/+|\/+$/g, '');
      if (name === '') throw new CommandFailure('container name cannot be empty');
      try {
        await client.text('DELETE', containerPath(name), { query });
      } catch (error) {
        // With --force, an absent container is what was wanted; it is still told, as Docker does.
        if (!(error instanceof EngineRefusal && error.status === 404 && query.force)) throw error;
        session.err(`${error.message}\n`);
        absent.add(given);
      }
    };
    const absent = new Set<string>();
    const silent = { silent: true };
    await forEachName(
      session,
      names,
      async (name) => {
        await remove(name);
        if (!absent.has(name)) session.out(`${name}\n`);
      },
      silent,
    );
  },
};
export default command;
