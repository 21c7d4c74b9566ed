import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { forEachName } from '../each.ts';
import { isNotFound } from '../inspecting.ts';

const command: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  flags: [bool('force', 'Do not complain when it does not exist', { short: 'f' })],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'volumes',
  async run(session, flags, names) {
    const force = flags.bool('force');
    const client = await session.client();
    const remove = async (name: string) => {
      try {
        await client.text('DELETE', `/volumes/${encodeURIComponent(name)}`, { query: { force: force || undefined } });
      } catch (error) {
        if (!force || !isNotFound(error)) throw error;
      }
    };
    await forEachName(session, names, remove, { atOnce: 1 });
  },
};
export default command;
