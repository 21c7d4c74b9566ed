import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, list, text } from '../../flags/index.ts';
import { parseReference } from '../../format/reference.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  about: "Makes an image of a container's changes and prints its id. The container is paused meanwhile.",
  flags: [
    text('author', 'Author of the image', { short: 'a' }),
    list('change', 'Apply a Dockerfile instruction (such as \'CMD ["sh"]\')', { short: 'c' }),
    text('message', 'Message to keep', { short: 'm' }),
    bool('pause', 'Pause the container meanwhile', { short: 'p', default: 'true' }),
  ],
  args: [1, 2],
  completes: 'containers',
  async run(session, flags, [container = '', name]) {
    const reference = name === undefined ? undefined : parseReference(name);
    if (reference?.digest) throw new CommandFailure('refusing to create a tag with a digest reference');
    const query = {
      container,
      repo: reference?.familiar,
      tag: reference ? (reference.tag ?? 'latest') : undefined,
      comment: flags.text('message'),
      author: flags.text('author'),
      changes: flags.list('change'),
      pause: flags.bool('pause') ? undefined : '0',
    };
    const client = await session.client();
    const { Id } = await client.json<{ Id: string }>('POST', '/commit', { query });
    session.out(`${Id}\n`);
  },
};
export default command;
