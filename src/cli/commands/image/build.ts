import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { IgnoreRules } from '../../archive/ignore.ts';
import { packFolder, packLoneFile } from '../../archive/pack.ts';
import { readText } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { authFor } from '../../config/index.ts';
import { pairsToMap, parseUlimit } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, bytes, csv, type Flags, int, list, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { showProgress } from '../../terminal/index.ts';

interface Context {
  /** Name of the Dockerfile inside the context. */
  readonly dockerfile: string;
  readonly body?: Readable;
  /** A URL that the engine fetches itself. */
  readonly remote?: string;
}

const OUTSIDE_NAME = '.dockerfile.from-outside';

function ignoreText(folder: string, dockerfile: string): string {
  // The Dockerfile may have rules of its own beside it; they go before those of the folder.
  const own = `${path.resolve(folder, dockerfile)}.dockerignore`;
  const shared = path.join(folder, '.dockerignore');
  const file = existsSync(own) ? own : shared;
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function folderContext(session: Session, folder: string, flags: Flags, typed: Buffer | undefined): Context {
  if (!existsSync(folder)) throw new CommandFailure(`unable to prepare context: path ${JSON.stringify(folder)} not found`);
  if (!statSync(folder).isDirectory())
    throw new CommandFailure(`unable to prepare context: path ${JSON.stringify(folder)} is not a directory`);
  const given = flags.text('file') || 'Dockerfile';
  const absolute = flags.text('file') ? path.resolve(session.cwd, given) : path.join(path.resolve(folder), given);
  const inside = path.relative(path.resolve(folder), absolute);
  const outside = typed !== undefined || inside.startsWith('..') || path.isAbsolute(inside);
  if (typed === undefined && !existsSync(absolute))
    throw new CommandFailure(
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${absolute}: no such file or directory`,
    );
  const rules = new IgnoreRules(ignoreText(folder, outside ? 'Dockerfile' : inside));
  // The engine needs the Dockerfile and the rules themselves, whatever the rules say.
  const needed = new Set(['.dockerignore', ...(outside ? [] : [inside])]);
  const body = packFolder(
    path.resolve(folder),
    {
      includes: (relative) => needed.has(relative) || !rules.leavesOut(relative),
      descends: (relative) => rules.mayBringBack(relative) || [...needed].some((name) => name.startsWith(`${relative}/`)),
    },
    outside ? [{ name: OUTSIDE_NAME, content: typed ?? readFileSync(absolute) }] : [],
  );
  return { dockerfile: outside ? OUTSIDE_NAME : inside, body };
}

const startsLikeArchive = (head: Buffer) =>
  head.subarray(257, 262).toString('latin1') === 'ustar' ||
  (head[0] === 0x1f && head[1] === 0x8b) ||
  head.subarray(0, 3).toString('latin1') === 'BZh' ||
  head.subarray(0, 6).equals(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]));

/** `-` is either an archive of the whole context or a lone Dockerfile. */
async function typedContext(session: Session, flags: Flags): Promise<Context> {
  const chunks: Buffer[] = [];
  for await (const chunk of session.stdin()) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks);
  const { Readable } = await import('node:stream');
  if (startsLikeArchive(content)) return { dockerfile: flags.text('file') || 'Dockerfile', body: Readable.from([content]) };
  return { dockerfile: 'Dockerfile', body: Readable.from([packLoneFile({ name: 'Dockerfile', content })]) };
}

async function readContext(session: Session, where: string, flags: Flags): Promise<Context> {
  if (/^(https?|git):\/\/|^git@|^github\.com\//.test(where)) return { remote: where, dockerfile: flags.text('file') || 'Dockerfile' };
  if (where === '-') {
    if (flags.text('file') === '-') throw new CommandFailure("invalid argument: can't use stdin for both build context and dockerfile");
    return typedContext(session, flags);
  }
  const typed = flags.text('file') === '-' ? Buffer.from(await readText(session.stdin())) : undefined;
  return folderContext(session, where, flags, typed);
}

/** Build arguments; a bare name takes your variable, and proxies of the settings are added. */
function buildArguments(session: Session, flags: Flags): Record<string, string | null> {
  const args: Record<string, string | null> = {};
  for (const given of flags.list('build-arg')) {
    const equals = given.indexOf('=');
    if (equals >= 0) args[given.slice(0, equals)] = given.slice(equals + 1);
    else args[given] = session.env[given] ?? null;
  }
  return args;
}

function buildQuery(session: Session, flags: Flags, context: Context) {
  return {
    dockerfile: context.dockerfile,
    remote: context.remote,
    t: flags.list('tag'),
    extrahosts: flags.list('add-host'),
    q: undefined,
    nocache: flags.bool('no-cache') || undefined,
    pull: flags.bool('pull') || undefined,
    rm: flags.bool('rm') ? '1' : '0',
    forcerm: flags.bool('force-rm') || undefined,
    memory: flags.number('memory') || undefined,
    memswap: flags.number('memory-swap') || undefined,
    cpushares: flags.number('cpu-shares') || undefined,
    cpuperiod: flags.number('cpu-period') || undefined,
    cpuquota: flags.number('cpu-quota') || undefined,
    cpusetcpus: flags.text('cpuset-cpus'),
    cpusetmems: flags.text('cpuset-mems'),
    cgroupparent: flags.text('cgroup-parent'),
    shmsize: flags.number('shm-size') || undefined,
    networkmode: flags.text('network'),
    target: flags.text('target'),
    platform: flags.text('platform') || session.env.DOCKER_DEFAULT_PLATFORM,
    buildargs: JSON.stringify(buildArguments(session, flags)),
    labels: JSON.stringify(pairsToMap(flags.list('label'))),
    cachefrom: flags.list('cache-from').length > 0 ? JSON.stringify(flags.list('cache-from')) : undefined,
    ulimits: flags.list('ulimit').length > 0 ? JSON.stringify(flags.list('ulimit').map(parseUlimit)) : undefined,
    version: '1',
  };
}

/** All passwords kept: a build may pull from any registry. */
async function registryHeader(session: Session): Promise<Record<string, string>> {
  const known = [...Object.keys(session.settings.file.auths ?? {}), ...Object.keys(session.settings.file.credHelpers ?? {})];
  const all = Object.fromEntries(
    await Promise.all(
      known.map(async (key) => [key, await authFor(session, key.replace(/^https:\/\/index\.docker\.io\/v1\/$/, 'docker.io'))] as const),
    ),
  );
  return { 'X-Registry-Config': Buffer.from(JSON.stringify(all)).toString('base64url') };
}

const command: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  about: 'Makes an image from a Dockerfile and the files of a folder (the context).',
  flags: [
    list('add-host', 'Add a line to /etc/hosts (name:ip)'),
    list('build-arg', 'Set a build argument (NAME=value)'),
    csv('cache-from', 'Images whose layers may be used again'),
    text('cgroup-parent', 'Parent of the cgroups of RUN'),
    bool('compress', 'Kept for old scripts', { hidden: true }),
    int('cpu-period', "Length of the scheduler's period in microseconds"),
    int('cpu-quota', 'Microseconds of processor time in each period'),
    int('cpu-shares', 'Relative share of the processors', { short: 'c' }),
    text('cpuset-cpus', 'Processors to run on (0-3, 0,1)'),
    text('cpuset-mems', 'Memory nodes to use (0-3, 0,1)'),
    bool('disable-content-trust', '', { default: 'true', hidden: true }),
    text('file', 'The Dockerfile (PATH/Dockerfile when absent)', { short: 'f', completes: 'files' }),
    bool('force-rm', 'Remove intermediate containers always'),
    text('iidfile', 'Write the id of the image to this file', { completes: 'files' }),
    text('isolation', '', { hidden: true }),
    list('label', 'Set a label (name=value)'),
    bytes('memory', 'Most memory, such as 512m', { short: 'm' }),
    bytes('memory-swap', 'Most memory and swap together; -1 for no limit'),
    text('network', 'Network of RUN', { default: 'default' }),
    bool('no-cache', 'Do every step again'),
    text('platform', 'Platform of the image (os/arch[/variant])'),
    bool('pull', 'Look for newer base images'),
    bool('quiet', 'Print only the id of the image', { short: 'q' }),
    bool('rm', 'Remove intermediate containers when done', { default: 'true' }),
    csv('security-opt', 'Security options'),
    bytes('shm-size', 'Size of /dev/shm'),
    list('tag', 'Name of the image (name[:tag])', { short: 't' }),
    text('target', 'Stop after this stage'),
    list('ulimit', 'Resource limit (name=soft[:hard])', { value: 'ulimit' }),
  ],
  args: [1, 1],
  completes: 'directories',
  async run(session, flags, [where = '']) {
    const context = await readContext(session, where, flags);
    const headers = { ...(await registryHeader(session)), ...(context.body ? { 'Content-Type': 'application/x-tar' } : {}) };
    const client = await session.client();
    const reply = await client.stream('POST', '/build', {
      query: buildQuery(session, flags, context),
      headers,
      ...(context.body ? { body: context.body } : {}),
    });
    let id = '';
    let said = '';
    const quiet = flags.bool('quiet');
    try {
      await showProgress(session, reply, {
        quiet,
        collect: (line) => (said += line),
        aux: (value) => (id = (value as { ID?: string }).ID ?? id),
      });
    } catch (error) {
      // Quiet does not mean mute: what led to a failure is shown.
      if (quiet) session.err(said);
      throw error;
    }
    if (quiet) session.out(`${id}\n`);
    const file = flags.text('iidfile');
    if (file !== '') {
      if (id === '') throw new CommandFailure(`server did not provide an image ID. Cannot write ${file}`);
      writeFileSync(file, id);
    }
  },
};
export default command;
