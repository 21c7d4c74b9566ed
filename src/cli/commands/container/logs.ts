import { copyOutput } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags/index.ts';
import { momentQuery } from '../../format/when.ts';
import { containerPath } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  about: 'Shows what a container has written: its output on your output, its errors on your errors.',
  flags: [
    bool('details', 'Show what the log driver adds'),
    bool('follow', 'Go on with what is written from now on', { short: 'f' }),
    text('since', 'Start at this time (2026-01-02T15:04:05Z) or so long ago (42m)'),
    text('tail', 'Number of lines from the end', { short: 'n', default: 'all' }),
    bool('timestamps', 'Put the time before each line', { short: 't' }),
    text('until', 'End at this time, or so long ago'),
  ],
  args: [1, 1],
  completes: 'containers',
  async run(session, flags, [name = '']) {
    const now = session.clock.now();
    const query = {
      stdout: true,
      stderr: true,
      since: momentQuery(flags.text('since'), now, 'since'),
      until: momentQuery(flags.text('until'), now, 'until'),
      timestamps: flags.bool('timestamps') || undefined,
      follow: flags.bool('follow') || undefined,
      tail: flags.text('tail'),
      details: flags.bool('details') || undefined,
    };
    const client = await session.client();
    const { Id, Config } = await client.json<{ Id: string; Config: { Tty: boolean } }>('GET', containerPath(name, '/json'));
    const reply = await client.stream('GET', containerPath(Id, '/logs'), { query });
    await copyOutput(reply, !Config.Tty, {
      stdout: (data) => void session.stdout.write(data),
      stderr: (data) => void session.stderr.write(data),
    });
  },
};
export default command;
