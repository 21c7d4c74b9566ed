import type { Command } from '../../command.ts';
import { layOut } from '../../table/index.ts';
import { containerPath } from '../each.ts';

const command: Command = {
  usage: 'CONTAINER [ps OPTIONS]',
  flags: [],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'running',
  stopAtArgument: true,
  async run(session, _flags, [name = '', ...options]) {
    const client = await session.client();
    const list = await client.json<{ Titles: string[]; Processes: string[][] | null }>('GET', containerPath(name, '/top'), {
      query: { ps_args: options.join(' ') },
    });
    const lines = [list.Titles, ...(list.Processes ?? [])].map((cells) => `${cells.join('\t')}\n`);
    session.out(layOut(lines.join(''), { least: 20, padding: 3 }));
  },
};
export default command;
