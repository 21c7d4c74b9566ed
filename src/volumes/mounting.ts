import { lookup } from 'node:dns/promises';
import { unlinkSync, writeFileSync } from 'node:fs';
import { describe, errnoOf, GantryError } from '../base/index.ts';
import { run } from '../host/index.ts';
import { describeMount, isNetworkMount, serverToResolve, type VolumeMount, withServerAddress } from './driver-options.ts';

/** Milliseconds: a network file system that does not answer must not hold a container's start for ever. */
const MOUNT_TIMEOUT = 60_000;

/** Mounts a volume on `target`. `table` is a path for a file that lives as long as the call: options may hold passwords, which must not show in the list of processes. */
export async function mountVolume(name: string, asked: VolumeMount, target: string, table: string): Promise<void> {
  try {
    const server = serverToResolve(asked);
    const mount = server === undefined ? asked : withServerAddress(asked, await addressOf(server));
    writeFileSync(table, tableLine(mount, target), { mode: 0o600 });
    // Paths as they are, no entry in /etc/mtab; network mounts without a program of their own.
    const flags = ['--no-canonicalize', '--no-mtab', ...(isNetworkMount(mount) ? ['--internal-only'] : [])];
    const { code, stderr } = await run('mount', [...flags, '--fstab', table, target], { timeout: MOUNT_TIMEOUT, allowFailure: true });
    if (code !== 0) throw new Error(reason(stderr, target));
  } catch (error) {
    throw new GantryError(
      'invalid',
      `error while mounting volume '${name}': failed to mount local volume: mount ${describeMount(asked)}: ${describe(error)}`,
      { cause: error },
    );
  } finally {
    removeTable(table);
  }
}

async function addressOf(server: string): Promise<string> {
  try {
    return (await lookup(server)).address;
  } catch (error) {
    throw new Error(`the address of the server ${server} could not be looked up`, { cause: error });
  }
}

/** A line of fstab(5), where blanks and the like are octal numbers. */
function tableLine(mount: VolumeMount, target: string): string {
  const octal = (text: string) => text.replace(/[\s\\#"]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return `${octal(mount.device)} ${octal(target)} ${octal(mount.type)} ${octal(mount.options) || 'defaults'} 0 0\n`;
}

/** What mount(8) says, without where and the advice to read the kernel's log. */
function reason(stderr: string, target: string): string {
  const line = stderr.split('\n')[0] ?? '';
  const said = line
    .replace(/^mount: /, '')
    .replace(`${target}: `, '')
    .trim();
  const unknown = /unknown filesystem type '(.*)'/.exec(said);
  return unknown ? `no such device: this kernel has no file system ${unknown[1]}` : said.replace(/\.$/, '') || 'mount(8) gave no reason';
}

export function removeTable(table: string): void {
  try {
    unlinkSync(table);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
