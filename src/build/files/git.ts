import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, notFound, unsupported } from '../../base/index.ts';
import { removeTree, resolveInRoot, run, statInRoot, which } from '../../host/index.ts';
import type { GitReference } from './git-reference.ts';

const TIME_LIMIT = 10 * 60_000;
/** A whole SHA-1 or SHA-256. */
const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

export interface CheckoutOptions {
  folder: string;
  checksum: string | undefined;
  keepGitDir: boolean;
  signal: AbortSignal;
}

/** The files of a reference, as a directory below `folder`. Nobody is asked for a password, and no setting of this host's users counts. */
export async function checkoutGit(reference: GitReference, options: CheckoutOptions): Promise<string> {
  const program = which('git');
  if (!program)
    throw unsupported(`"${reference.remote}" needs the program git, which is not installed`, 'Install git on the host of the daemon.');
  const work = join(options.folder, 'checkout');
  const home = join(options.folder, 'home');
  for (const folder of [work, home]) await mkdir(folder, { recursive: true, mode: 0o755 });
  const git = async (...words: string[]) => {
    const result = await run(program, words, {
      cwd: work,
      env: environment(home),
      signal: options.signal,
      timeout: TIME_LIMIT,
      allowFailure: true,
    });
    if (result.code === 0) return result.stdout.trim();
    throw invalid(`failed to fetch git repository ${shown(reference.remote)}: ${result.stderr.trim().slice(-500)}`);
  };
  await git('init', '--quiet', '--template=', '.');
  await git('remote', 'add', '--', 'origin', reference.remote);
  await fetchReference(git, reference);
  const commit = await git('rev-parse', 'FETCH_HEAD^{commit}');
  const checksum = options.checksum ?? reference.checksum;
  if (checksum !== undefined && !(checksum.length >= 7 && commit.startsWith(checksum)))
    throw invalid(`expected checksum to match ${checksum}, got ${commit}`);
  await git('-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--force', '--detach', commit);
  if (reference.submodules && statInRoot(work, '.gitmodules'))
    await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1');
  if (!options.keepGitDir && !reference.keepGitDir) await removeTree(work, join(work, '.git'));
  return directoryIn(work, reference);
}

async function fetchReference(git: (...words: string[]) => Promise<string>, reference: GitReference): Promise<void> {
  const ref = reference.ref ?? 'HEAD';
  try {
    await git('fetch', '--quiet', '--depth=1', '--no-tags', '--', 'origin', ref);
  } catch (error) {
    if (!/^[0-9a-f]{7,64}$/.test(ref)) throw error;
    // A server may give commits only as part of a branch.
    await git('fetch', '--quiet', '--tags', '--', 'origin', '+refs/heads/*:refs/remotes/origin/*');
    const commit = COMMIT.test(ref) ? ref : await git('rev-parse', '--verify', `${ref}^{commit}`);
    await git('update-ref', 'FETCH_HEAD', commit);
  }
}

function directoryIn(work: string, reference: GitReference): string {
  if (reference.subdirectory === undefined) return work;
  if (!statInRoot(work, reference.subdirectory)?.isDirectory())
    throw notFound(`"${shown(reference.remote)}" has no directory "${reference.subdirectory}"`);
  return join(work, resolveInRoot(work, reference.subdirectory));
}

function environment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    // Others run programs, or read files of this host.
    GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
  };
}

/** Without a password. */
const shown = (remote: string): string => remote.replace(/^(\w+:\/\/)[^@/]*@/, '$1');
