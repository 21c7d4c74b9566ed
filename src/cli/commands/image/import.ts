import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { list, text } from '../../flags/index.ts';
import { parseReference } from '../../format/reference.ts';
import { showProgress } from '../../terminal/index.ts';
import { openInput } from './load.ts';

const command: Command = {
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  about: 'Makes an image of a tar archive of files, and prints its id.',
  flags: [
    list('change', 'Apply a Dockerfile instruction (such as \'CMD ["sh"]\')', { short: 'c' }),
    text('message', 'Message to keep', { short: 'm' }),
    text('platform', 'Platform of the files (os/arch[/variant])'),
  ],
  args: [1, 2],
  completes: 'files',
  async run(session, flags, [source = '', name]) {
    const url = /^https?:\/\//.test(source);
    if (source === '-' && session.stdin().isTTY) throw new CommandFailure('requested import from stdin, but stdin is empty');
    const body = url ? undefined : source === '-' ? session.stdin() : await openInput(source);
    const reference = name === undefined ? undefined : parseReference(name);
    const query = {
      fromSrc: url ? source : '-',
      repo: reference?.familiar,
      tag: reference ? (reference.tag ?? 'latest') : undefined,
      message: flags.text('message'),
      changes: flags.list('change'),
      platform: flags.text('platform'),
    };
    const client = await session.client();
    await showProgress(
      session,
      await client.stream('POST', '/images/create', { query, ...(body ? { body, headers: { 'Content-Type': 'application/x-tar' } } : {}) }),
    );
  },
};
export default command;
