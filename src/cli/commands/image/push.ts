import type { Command } from '../../command.ts';
import { authHeader } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { platformJson } from '../../format/platform.ts';
import { fullName, parseReference } from '../../format/reference.ts';
import { showProgress } from '../../terminal/index.ts';
import { imagePath } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  flags: [
    bool('all-tags', 'Send every tag of the repository', { short: 'a' }),
    bool('disable-content-trust', '', { default: 'true', hidden: true }),
    text('platform', 'Send only this platform (os/arch[/variant])'),
    bool('quiet', 'Print only the name when done', { short: 'q' }),
  ],
  args: [1, 1],
  completes: 'images',
  async run(session, flags, [name = '']) {
    const reference = parseReference(name);
    const all = flags.bool('all-tags');
    const quiet = flags.bool('quiet');
    if (all && reference.tag) throw new CommandFailure("tag can't be used with --all-tags/-a");
    if (!all && !reference.tag && !quiet) session.out('Using default tag: latest\n');
    const platform = flags.text('platform') ? platformJson(flags.text('platform')) : undefined;
    const query = { tag: all ? undefined : (reference.tag ?? 'latest'), platform };
    const client = await session.client();
    const reply = await client.stream('POST', imagePath(reference.familiar, '/push'), {
      query,
      headers: await authHeader(session, reference.registry),
    });
    await showProgress(session, reply, { quiet });
    if (quiet) session.out(`${reference.registry === 'docker.io' ? 'docker.io/' : ''}${all ? reference.familiar : fullName(reference)}\n`);
  },
};
export default command;
