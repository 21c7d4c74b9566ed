import type { Command } from '../../command.ts';
import { authHeader } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { fullName, parseReference } from '../../format/reference.ts';
import type { Session } from '../../session.ts';
import { showProgress } from '../../terminal/index.ts';

export interface PullOptions {
  readonly platform: string;
  readonly quiet: boolean;
  /** Progress goes to stderr: `run` keeps stdout for the container. */
  readonly toStderr?: boolean;
  readonly allTags?: boolean;
}

/** Fetches one image through the engine and shows the progress. */
export async function pullImage(session: Session, name: string, options: PullOptions): Promise<void> {
  const reference = parseReference(name);
  const tag = options.allTags ? '' : (reference.digest ?? reference.tag ?? 'latest');
  const client = await session.client();
  const query = { fromImage: reference.familiar, tag, platform: options.platform };
  const reply = await client.stream('POST', '/images/create', { query, headers: await authHeader(session, reference.registry) });
  await showProgress(session, reply, { quiet: options.quiet, toStderr: options.toStderr ?? false });
}

const command: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  flags: [
    bool('all-tags', 'Fetch every tag of the repository', { short: 'a' }),
    bool('disable-content-trust', '', { default: 'true', hidden: true }),
    text('platform', 'Platform of the image (os/arch[/variant])'),
    bool('quiet', 'Print only the name when done', { short: 'q' }),
  ],
  args: [1, 1],
  async run(session, flags, [name = '']) {
    const reference = parseReference(name);
    const allTags = flags.bool('all-tags');
    if (allTags && (reference.tag || reference.digest)) throw new CommandFailure("tag can't be used with --all-tags/-a");
    if (!allTags && !reference.tag && !reference.digest && !flags.bool('quiet')) session.out('Using default tag: latest\n');
    await pullImage(session, name, {
      platform: flags.text('platform') || (session.env.DOCKER_DEFAULT_PLATFORM ?? ''),
      quiet: flags.bool('quiet'),
      allTags,
    });
    session.out(`${canonical(name, allTags)}\n`);
  },
};

/** The name in full, with registry, as the last line of a pull shows it. */
function canonical(name: string, allTags: boolean): string {
  const reference = parseReference(name);
  const whole = allTags ? reference.familiar : fullName(reference);
  if (reference.registry !== 'docker.io') return whole;
  return `docker.io/${reference.familiar.includes('/') ? '' : 'library/'}${whole}`;
}
export default command;
