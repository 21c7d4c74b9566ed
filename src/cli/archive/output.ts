import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';

/** Refuses early what could not be written, before the engine does any work. */
export function checkOutput(session: Session, file: string): void {
  if (file === '') {
    if (session.stdout.isTTY) throw new CommandFailure('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    return;
  }
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(folder)) throw new CommandFailure(`invalid output path: directory ${JSON.stringify(folder)} does not exist`);
  if (existsSync(file) && !statSync(file).isFile() && !statSync(file).isCharacterDevice())
    throw new CommandFailure(`invalid output path: ${JSON.stringify(file)} must be a directory or a regular file`);
}

/** Writes an archive to stdout, or to `file`, which appears only when it is complete. */
export async function writeArchive(session: Session, source: Readable, file: string): Promise<void> {
  if (file === '') {
    for await (const chunk of source)
      if (!session.stdout.write(chunk)) await new Promise((resolve) => session.stdout.once('drain', resolve));
    return;
  }
  if (existsSync(file) && !statSync(file).isFile()) return pipeline(source, createWriteStream(file));
  const draft = path.join(path.dirname(path.resolve(file)), `.${path.basename(file)}.${process.pid}`);
  try {
    await pipeline(source, createWriteStream(draft, { mode: 0o600 }));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
