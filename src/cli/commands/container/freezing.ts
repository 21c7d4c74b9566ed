import type { Command } from '../../command.ts';
import { containerPath, forEachName } from '../each.ts';

/** `pause` and `unpause`: one request for each container named. */
export function freezing(verb: 'pause' | 'unpause'): Command {
  return {
    usage: 'CONTAINER [CONTAINER...]',
    flags: [],
    args: [1, Number.POSITIVE_INFINITY],
    completes: 'running',
    async run(session, _flags, names) {
      const client = await session.client();
      await forEachName(session, names, (name) => client.text('POST', containerPath(name, `/${verb}`)));
    },
  };
}
