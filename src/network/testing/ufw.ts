import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeTree, run } from '../../host/index.ts';

/** Debian's ufw with its files in a folder of its own, so that it changes the rules of this network namespace and nothing else. */
export interface Ufw extends AsyncDisposable {
  command(...words: string[]): Promise<string>;
}

export function ufw(): Ufw {
  const files = mkdtempSync(path.join(tmpdir(), 'gantry-ufw-'));
  cpSync('/etc/ufw', files, { recursive: true });
  const script = 'mount --bind "$1" /etc/ufw && mount -t tmpfs none /run && shift && exec ufw "$@"';
  const command = async (...words: string[]) =>
    (
      await run(
        'unshare',
        [
          '--mount',
          'sh',
          '-c',
          script,
          'sh',
          files,
          ...(['enable', 'disable', 'reset'].includes(words[0] ?? '') ? ['--force'] : []),
          ...words,
        ],
        { timeout: 30_000 },
      )
    ).stdout;
  return {
    command,
    async [Symbol.asyncDispose]() {
      await command('disable');
      await removeTree(tmpdir(), files);
    },
  };
}
