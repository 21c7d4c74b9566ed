import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { contentOnly, type Place, planCopy, renamer } from '../../archive/copyplan.ts';
import { packPath } from '../../archive/pack.ts';
import { unpack } from '../../archive/unpack.ts';
import { type EngineClient, EngineRefusal } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags } from '../../flags/index.ts';
import { decimalSize } from '../../format/index.ts';
import type { Session } from '../../session.ts';
import { containerPath } from '../each.ts';

/** `CONTAINER:PATH` in two parts; a local path when there is no name before the colon. */
function splitSide(side: string): { container: string; path: string } {
  const colon = side.indexOf(':');
  if (side === '-' || path.isAbsolute(side) || side.startsWith('.') || colon <= 0) return { container: '', path: side };
  return { container: side.slice(0, colon), path: side.slice(colon + 1) };
}

/** The X-Docker-Container-Path-Stat header. Modes are those of Go. */
interface PathStat {
  readonly name: string;
  readonly mode: number;
  readonly linkTarget: string;
}
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;
const has = (stat: PathStat, bit: number) => Math.trunc(stat.mode / bit) % 2 === 1;

const decodeStat = (header: unknown): PathStat => JSON.parse(Buffer.from(String(header ?? ''), 'base64').toString('utf8')) as PathStat;

async function statInside(client: EngineClient, container: string, file: string): Promise<PathStat | undefined> {
  try {
    const reply = await client.stream('HEAD', containerPath(container, '/archive'), { query: { path: file } });
    reply.resume();
    return decodeStat(reply.headers['x-docker-container-path-stat']);
  } catch (error) {
    // The reply to HEAD has no words; what is wrong is told by the request that follows.
    if (error instanceof EngineRefusal) return undefined;
    throw error;
  }
}

const linkPath = (link: string, file: string) => (link.startsWith('/') ? link : path.posix.join(path.posix.dirname(file), link));

async function copyOut(
  session: Session,
  client: EngineClient,
  flags: Flags,
  container: string,
  given: string,
  target: string,
): Promise<number> {
  let source = given;
  if (target !== '-') {
    const folder = path.dirname(path.resolve(target));
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new CommandFailure(`invalid output path: directory ${JSON.stringify(folder)} does not exist`);
  }
  if (flags.bool('follow-link')) {
    const stat = await statInside(client, container, source);
    if (stat && has(stat, GO_SYMLINK)) source = linkPath(stat.linkTarget, source);
  }
  const reply = await client.stream('GET', containerPath(container, '/archive'), { query: { path: source } });
  if (target === '-') {
    if (session.stdout.isTTY) throw new CommandFailure('cowardly refusing to save to a terminal: redirect the output');
    for await (const chunk of reply) session.stdout.write(chunk);
    return 0;
  }
  const stat = decodeStat(reply.headers['x-docker-container-path-stat']);
  const there = statSync(target, { throwIfNoEntry: false });
  const plan = planCopy(
    { path: source, isDirectory: has(stat, GO_DIRECTORY) },
    { path: target, exists: there !== undefined, isDirectory: there?.isDirectory() ?? false },
  );
  const bare = contentOnly(source) || path.posix.normalize(source) === '/';
  let bytes = 0;
  // With another name asked for, a followed link's own name is no part of it.
  const renamed = plan.name === undefined && source !== given && !bare ? { ...plan, name: path.posix.basename(given) } : plan;
  await unpack(reply, renamed.folder, {
    owners: flags.bool('archive') && process.getuid?.() === 0,
    rename: renamer(renamed, bare),
    progress: (size) => (bytes += size),
  });
  return bytes;
}

/** Local file or folder to copy. Throws `CommandFailure` in the system's words. */
function localSource(given: string, follow: boolean): { file: string; stats: Stats } {
  const absolute = path.resolve(given);
  try {
    const stats = lstatSync(absolute);
    if (!stats.isSymbolicLink() || !(follow || given.endsWith('/'))) return { file: absolute, stats };
    return { file: realpathSync(absolute), stats: statSync(absolute) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw new CommandFailure(
      code === 'ENOENT'
        ? `lstat ${absolute}: no such file or directory`
        : `lstat ${absolute}: ${error instanceof Error ? error.message : error}`,
      1,
      error,
    );
  }
}

async function destination(client: EngineClient, container: string, given: string): Promise<Place> {
  const place = (file: string, stat: PathStat | undefined): Place => ({
    path: file,
    exists: stat !== undefined,
    isDirectory: stat !== undefined && has(stat, GO_DIRECTORY),
  });
  const stat = await statInside(client, container, given);
  if (!stat || !has(stat, GO_SYMLINK)) return place(given, stat);
  const resolved = linkPath(stat.linkTarget, given);
  return place(resolved, await statInside(client, container, resolved));
}

async function copyIn(
  session: Session,
  client: EngineClient,
  flags: Flags,
  source: string,
  container: string,
  given: string,
): Promise<number> {
  const target = given === '' ? '/' : given.startsWith('/') ? given : `/${given}`;
  const local = source === '-' ? undefined : localSource(source, flags.bool('follow-link'));
  const place = await destination(client, container, target);
  let bytes = 0;
  let body: Readable;
  let folder = place.path;
  if (!local) {
    if (!place.exists || !place.isDirectory) throw new CommandFailure(`destination "${container}:${given}" must be a directory`);
    body = session.stdin();
  } else {
    const isDirectory = local.stats.isDirectory();
    const bare = isDirectory && contentOnly(source);
    const plan = planCopy({ path: source, isDirectory }, place);
    folder = plan.folder;
    const name = plan.name ?? (bare ? '.' : path.basename(path.resolve(source)));
    body = packPath(local.file, name);
  }
  const counted = Readable.from(
    counting(body, (size) => (bytes += size)),
    { objectMode: false },
  );
  const query = { path: folder, noOverwriteDirNonDir: 'true', copyUIDGID: flags.bool('archive') ? '1' : undefined };
  await client.text('PUT', containerPath(container, '/archive'), {
    query,
    body: counted,
    headers: { 'Content-Type': 'application/x-tar' },
  });
  return bytes;
}

async function* counting(source: AsyncIterable<Buffer>, count: (size: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tgantry cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  about:
    "Copies files between a container and here; the container need not run.\n\n'-' as the source reads a tar archive from standard input and unpacks it in a folder of\nthe container; '-' as the destination writes a tar archive to standard output.",
  flags: [
    bool('archive', 'Keep owners and groups', { short: 'a' }),
    bool('follow-link', 'Copy what a link leads to', { short: 'L' }),
    bool('quiet', 'Say nothing when done', { short: 'q' }),
  ],
  args: [2, 2],
  completes: 'files',
  async run(session, flags, [from = '', to = '']) {
    if (from === '') throw new CommandFailure('source can not be empty');
    if (to === '') throw new CommandFailure('destination can not be empty');
    const source = splitSide(from);
    const target = splitSide(to);
    if (source.container && target.container) throw new CommandFailure('copying between containers is not supported');
    if (!source.container && !target.container) throw new CommandFailure('must specify at least one container source');
    const client = await session.client();
    const bytes = source.container
      ? await copyOut(session, client, flags, source.container, source.path, target.path)
      : await copyIn(session, client, flags, source.path, target.container, target.path);
    if (!flags.bool('quiet') && session.stderr.isTTY && target.path !== '-')
      session.err(`Successfully copied ${decimalSize(bytes)} to ${target.container ? to : path.resolve(to)}\n`);
  },
};
export default command;
