import { checkOutput, writeArchive } from '../../archive/output.ts';
import type { Command } from '../../command.ts';
import { text } from '../../flags/index.ts';
import { platformJson } from '../../format/platform.ts';

const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [
    text('output', 'Write to this file instead of standard output', { short: 'o', completes: 'files' }),
    text('platform', 'Save only this platform (os/arch[/variant])'),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'images',
  async run(session, flags, names) {
    checkOutput(session, flags.text('output'));
    const platform = flags.text('platform') ? platformJson(flags.text('platform')) : undefined;
    const client = await session.client();
    await writeArchive(session, await client.stream('GET', '/images/get', { query: { names, platform } }), flags.text('output'));
  },
};
export default command;
