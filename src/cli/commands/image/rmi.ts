import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, csv } from '../../flags/index.ts';
import { platformJson } from '../../format/platform.ts';
import { imagePath } from '../each.ts';
import { isNotFound } from '../inspecting.ts';

interface Removed {
  Untagged?: string;
  Deleted?: string;
}

export const removedText = (items: readonly Removed[]) =>
  items.map((one) => (one.Deleted ? `Deleted: ${one.Deleted}\n` : `Untagged: ${one.Untagged}\n`)).join('');

const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [
    bool('force', 'Remove images although containers or further names use them', { short: 'f' }),
    bool('no-prune', 'Keep unnamed parents'),
    csv('platform', 'Remove only these platforms (os/arch[/variant])'),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'images',
  async run(session, flags, names) {
    const client = await session.client();
    const force = flags.bool('force');
    const query = {
      force: force || undefined,
      noprune: flags.bool('no-prune') || undefined,
      platforms: flags.list('platform').map(platformJson),
    };
    const failures: string[] = [];
    let fatal = false;
    for (const name of names) {
      try {
        session.out(removedText(await client.json<Removed[]>('DELETE', imagePath(name), { query })));
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        if (!isNotFound(error) || !force) fatal = true;
        failures.push(error.message);
      }
    }
    if (failures.length === 0) return;
    if (fatal) throw new CommandFailure(failures.join('\n'));
    session.err(`${failures.join('\n')}\n`);
  },
};
export default command;
