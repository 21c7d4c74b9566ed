import { existsSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import type { Command } from '../../command.ts';
import { currentContext, metaFolder, tlsFolder } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool } from '../../flags/index.ts';
import { forEachName } from '../each.ts';

/** Removes a folder that holds files only. One that is not there is gone already. */
function removeFiles(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) unlinkSync(path.join(folder, name));
  rmdirSync(folder);
}

const command: Command = {
  usage: '[OPTIONS] CONTEXT [CONTEXT...]',
  flags: [bool('force', 'Forget it although it is in use', { short: 'f' })],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'contexts',
  async run(session, flags, names) {
    const folder = session.settings.folder;
    const remove = async (name: string) => {
      if (name === 'default') throw new CommandFailure('context "default" cannot be removed');
      if (!existsSync(metaFolder(folder, name))) throw new CommandFailure(`context ${JSON.stringify(name)} does not exist`);
      const inUse = currentContext(session.globals, session.env, session.settings) === name;
      if (inUse && !flags.bool('force')) throw new CommandFailure(`context ${JSON.stringify(name)} is in use, set -f flag to force remove`);
      removeFiles(metaFolder(folder, name));
      removeFiles(path.join(tlsFolder(folder, name), 'docker'));
      removeFiles(tlsFolder(folder, name));
      if (session.settings.file.currentContext === name) session.settings.change((file) => delete file.currentContext);
    };
    await forEachName(session, names, remove, { atOnce: 1 });
  },
};
export default command;
