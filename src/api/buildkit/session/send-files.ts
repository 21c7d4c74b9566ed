import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError, invalid } from '../../../base/index.ts';
import { packTree } from '../../../host/index.ts';
import type { ClientCall } from '../grpc/client.ts';
import type { Sparse } from '../wire/codec.ts';
import { Chunk, PACKET, Packet, type Stat } from '../wire/session.ts';
import { type FileKind, goMode } from './file-mode.ts';
import type { Session } from './sessions.ts';

const METHOD = '/moby.filesync.v1.FileSend/DiffCopy';
const PIECE = 32 * 1024;

/** Which of the build's outputs this is, for the client to know where to put it. */
const outputOf = (index: number) => ({ 'buildkit-attachable-exporter-id': String(index) });

/** Gives the client a directory as one tar. `progress` tells bytes sent. */
export async function sendTar(
  session: Session,
  index: number,
  root: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  await using call = session.client.open(METHOD, outputOf(index), signal);
  let sent = 0;
  for await (const data of packTree({ root, path: '/', name: '' }) as AsyncIterable<Buffer>) {
    for (let from = 0; from < data.length; from += PIECE) await call.send(Chunk.encode({ data: data.subarray(from, from + PIECE) }));
    sent += data.length;
    progress(sent);
  }
  call.end();
  for await (const _ of call.messages());
}

/** Gives the client a directory's files: the sending side of fsutil's dialogue. Nobody may write to the directory meanwhile. */
export async function sendDirectory(
  session: Session,
  index: number,
  root: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  await using call = session.client.open(METHOD, outputOf(index), signal);
  const files: string[] = [];
  const listing = list(call, root, files);
  // A client that refuses the list ends the call, which is told below.
  listing.catch(() => {});
  let sent = 0;
  for await (const message of call.messages()) {
    const packet = Packet.decode(message);
    if (packet.type === PACKET.error)
      throw new GantryError('unavailable', `the client failed to keep the files: ${Buffer.from(packet.data).toString('utf8')}`);
    if (packet.type === PACKET.finish) {
      await listing;
      await call.send(Packet.encode({ type: PACKET.finish }));
      call.end();
    } else if (packet.type === PACKET.request) {
      const path = files[packet.id];
      if (path === undefined) throw invalid(`the client asked for file ${packet.id}, which was not listed`);
      await sendFile(call, packet.id, join(root, path), (bytes) => progress((sent += bytes)));
    } else throw invalid(`the client sent an unexpected packet of type ${packet.type}`);
  }
  await listing;
}

async function list(call: ClientCall, root: string, files: string[]): Promise<void> {
  const links = new Map<string, string>();
  for await (const stat of walk(root, '', links)) {
    files.push(stat.path as string);
    await call.send(Packet.encode({ type: PACKET.stat, stat }));
  }
  await call.send(Packet.encode({ type: PACKET.stat }));
}

async function* walk(root: string, folder: string, links: Map<string, string>): AsyncGenerator<Sparse<ReturnType<typeof Stat.decode>>> {
  const names = (await readdir(join(root, folder))).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const found = await lstat(join(root, path), { bigint: true });
    const kind = kindOf(found);
    if (kind === 'socket') continue;
    yield {
      path,
      mode: goMode(kind, Number(found.mode & 0o7777n)),
      uid: Number(found.uid),
      gid: Number(found.gid),
      size: kind === 'file' ? found.size : 0n,
      modified: found.mtimeNs,
      linkName: kind === 'symlink' ? await readlink(join(root, path)) : hardLink(found, kind, path, links),
      ...(kind === 'block' || kind === 'character' ? device(found.rdev) : {}),
    };
    if (kind === 'directory') yield* walk(root, path, links);
  }
}

/** The first name of a file that has several; empty for others, and for the first. */
function hardLink(found: BigIntStats, kind: FileKind, path: string, links: Map<string, string>): string {
  if (kind !== 'file' || found.nlink < 2n) return '';
  const key = `${found.dev}:${found.ino}`;
  const first = links.get(key);
  if (first === undefined) links.set(key, path);
  return first ?? '';
}

/** Linux packs both numbers into one. */
function device(packed: bigint) {
  return {
    deviceMajor: ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n),
    deviceMinor: (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n),
  };
}

function kindOf(found: BigIntStats): FileKind {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isFIFO()) return 'fifo';
  if (found.isSocket()) return 'socket';
  return found.isBlockDevice() ? 'block' : 'character';
}

async function sendFile(call: ClientCall, id: number, path: string, sent: (bytes: number) => void): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  for (;;) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(PIECE) });
    await call.send(Packet.encode({ type: PACKET.data, id, data: buffer.subarray(0, bytesRead) }));
    if (bytesRead === 0) return;
    sent(bytesRead);
  }
}
