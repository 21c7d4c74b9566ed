import type { Command } from '../../command.ts';
import { INSPECT_FORMAT, inspectEach } from '../inspecting.ts';

const command: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  flags: [INSPECT_FORMAT],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'volumes',
  async run(session, flags, names) {
    const client = await session.client();
    await inspectEach(session, names, flags.text('format'), (name) => client.text('GET', `/volumes/${encodeURIComponent(name)}`));
  },
};
export default command;
