import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { parseReference } from '../../format/reference.ts';
import { imagePath } from '../each.ts';

const command: Command = {
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  flags: [],
  args: [2, 2],
  completes: 'images',
  async run(session, _flags, [source = '', target = '']) {
    const { familiar, tag, digest } = parseReference(target, 'Error parsing reference: ');
    if (digest) throw new CommandFailure('refusing to create a tag with a digest reference');
    const client = await session.client();
    await client.text('POST', imagePath(source, '/tag'), { query: { repo: familiar, tag: tag ?? 'latest' } });
  },
};
export default command;
