import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { eventually, must } from './command.ts';
import type { TestHost } from './test-host.ts';

/** What a machine holds on behalf of one daemon: compare two of them to find what leaked. Each list is sorted. */
export interface Footprint {
  /** Mount points below the daemon's root. */
  mounts: string[];
  /** Names of the links in the host's network namespace. */
  links: string[];
  addresses: string[];
  /** Elements of nft sets and maps, and rules outside of them, without counters and handles. */
  firewall: string[];
  cgroups: string[];
  /** Command lines that name the daemon's root, the daemon itself left out. */
  processes: string[];
}

export async function footprint(of: {
  root: string;
  cgroupParent: string;
  host: TestHost;
  except: number | undefined;
}): Promise<Footprint> {
  const show = async (...args: string[]) => (await must(...of.host.inside(args[0] ?? '', args.slice(1)))).split('\n');
  const links = JSON.parse((await show('ip', '-j', 'address')).join('\n')) as { ifname: string; addr_info: { local: string }[] }[];
  return {
    mounts: mountsBelow(of.root).sort(),
    links: links.map((link) => link.ifname).sort(),
    addresses: links
      .filter((link) => !link.ifname.startsWith('veth'))
      .flatMap((link) => link.addr_info.map((info) => info.local))
      .filter((address) => !address.startsWith('fe80'))
      .sort(),
    firewall: (await show('nft', '--stateless', 'list', 'ruleset')).map((line) => line.trim()).filter(Boolean),
    cgroups: cgroupsBelow(of.cgroupParent).sort(),
    processes: processesNaming(of.root, of.except).sort(),
  };
}

function mountsBelow(root: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point === root || point.startsWith(`${root}/`));
}

/** The footprint without the stock of network namespaces and links that the daemon keeps ready, which comes and goes. */
export function lasting(of: Footprint): Footprint {
  const stock = of.mounts.filter((point) => point.includes('/netns/')).map((point) => path.basename(point));
  return {
    ...of,
    mounts: of.mounts.filter((point) => !stock.includes(path.basename(point))),
    // A link whose namespace is gone is none of the stock: it leaked.
    links: of.links.filter((name) => !stock.some((member) => name.endsWith(`-${member}`))),
  };
}

/** Every mounted cgroup hierarchy's folder for `parent`, and all below them. */
function cgroupsBelow(parent: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const hierarchies = lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4] ?? '');
  const tops = [...new Set(hierarchies)].map((point) => path.join(point, parent)).filter((folder) => existsSync(folder));
  return tops.flatMap((top) => [top, ...foldersBelow(top)]);
}

function foldersBelow(folder: string): string[] {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names.flatMap((entry) => [path.join(folder, entry.name), ...foldersBelow(path.join(folder, entry.name))]);
}

function processesNaming(root: string, except: number | undefined): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== except && Number(name) !== process.pid);
  return pids.map(commandLine).filter((line) => line.includes(root));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // It ended while we looked.
  }
}

/** Kills what still runs in the cgroups of `parent`, and waits until it is gone. */
export async function killCgroup(parent: string): Promise<void> {
  const members = () =>
    cgroupsBelow(parent)
      .flatMap((folder) => readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n'))
      .filter((pid) => pid !== '' && pid !== '0');
  await eventually(`the processes of cgroup ${parent} to end`, async () => {
    const pids = members();
    for (const pid of pids) kill(Number(pid));
    return pids.length === 0;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function removeCgroups(parent: string): Promise<void> {
  const deepestFirst = () => cgroupsBelow(parent).sort((a, b) => b.length - a.length);
  await eventually(`cgroup ${parent} to be removed`, async () => {
    for (const folder of deepestFirst()) remove(folder);
    return deepestFirst().length === 0;
  });
}

function remove(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['EBUSY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Unmounts all below `root`, the latest first. */
export async function unmountBelow(root: string): Promise<void> {
  for (const point of mountsBelow(root).reverse()) await must('umount', ['--lazy', point]);
}
