import type { Command } from '../../command.ts';
import { text } from '../../flags/index.ts';
import { platformJson } from '../../format/platform.ts';
import { imagePath } from '../each.ts';
import { INSPECT_FORMAT, inspectEach } from '../inspecting.ts';

const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [INSPECT_FORMAT, text('platform', 'Show this platform of a multi-platform image (os/arch[/variant])')],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'images',
  async run(session, flags, names) {
    const client = await session.client();
    const platform = flags.text('platform');
    const query = { platform: platform ? platformJson(platform) : undefined };
    await inspectEach(session, names, flags.text('format'), (name) => client.text('GET', imagePath(name, '/json'), { query }));
  },
};
export default command;
