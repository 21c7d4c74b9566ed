import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Command } from '../../command.ts';
import { CommandFailure, plainReason } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { platformJson } from '../../format/platform.ts';
import { showProgress } from '../../terminal/index.ts';

/** Opens a file for sending. Throws `CommandFailure` in the system's words. */
export async function openInput(file: string) {
  try {
    await (await open(file)).close();
  } catch (error) {
    throw new CommandFailure(plainReason(error, file), 1, error);
  }
  return createReadStream(file, { highWaterMark: 1 << 20 });
}

const command: Command = {
  usage: '[OPTIONS]',
  about: 'Brings in the images of an archive, plain or compressed, from a file or from standard input.',
  flags: [
    text('input', 'Read this file instead of standard input', { short: 'i', completes: 'files' }),
    text('platform', 'Load only this platform (os/arch[/variant])'),
    bool('quiet', 'Show no progress', { short: 'q' }),
  ],
  args: [0, 0],
  async run(session, flags) {
    const file = flags.text('input');
    if (file === '' && session.stdin().isTTY) throw new CommandFailure('requested load from stdin, but stdin is empty');
    const body = file === '' ? session.stdin() : await openInput(file);
    const quiet = flags.bool('quiet') || session.stdout.isTTY !== true;
    const platform = flags.text('platform') ? platformJson(flags.text('platform')) : undefined;
    const client = await session.client();
    const reply = await client.stream('POST', '/images/load', {
      query: { quiet, platform },
      body,
      headers: { 'Content-Type': 'application/x-tar' },
    });
    await showProgress(session, reply);
  },
};
export default command;
