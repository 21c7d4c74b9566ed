import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, GantryError, invalid } from '../../base/index.ts';
import type { DeviceRule, DeviceSpec } from '../../model/index.ts';
import type { OciDevice } from './oci.ts';

/** Parts of /dev that a container has of its own, or that hold no devices of the host. */
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', 'hugepages', 'console', '.lxc', '.lxd-mounts', '.udev']);

export interface ResolvedDevices {
  devices: OciDevice[];
  rules: DeviceRule[];
}

/**
 * Looks the asked device nodes up on the host; a directory stands for all devices in it.
 * Errors: `invalid` naming a path that is missing or no device.
 */
export function resolveDevices(asked: readonly DeviceSpec[]): ResolvedDevices {
  const devices: OciDevice[] = [];
  const rules: DeviceRule[] = [];
  for (const { pathOnHost, pathInContainer, permissions } of asked) {
    const access = permissions || 'rwm';
    if (!/^[rwm]{1,3}$/.test(access)) throw invalid(`invalid device mode: ${permissions}`);
    const target = pathInContainer || pathOnHost;
    const found = devicesAt(pathOnHost, target);
    devices.push(...found);
    for (const device of found) {
      if (device.type === 'c' || device.type === 'b')
        rules.push({ allow: true, type: device.type, major: device.major, minor: device.minor, access });
    }
  }
  return { devices, rules };
}

function devicesAt(pathOnHost: string, target: string): OciDevice[] {
  const complain = (why: string) => invalid(`error gathering device information while adding custom device "${pathOnHost}": ${why}`);
  let stats: Stats;
  let source: string;
  try {
    source = realpathSync(pathOnHost);
    stats = statSync(source);
  } catch (error) {
    throw complain(errnoOf(error) === 'ENOENT' ? 'no such file or directory' : (error as Error).message);
  }
  const single = toDevice(target, stats);
  if (single) return [single];
  if (!stats.isDirectory()) throw complain('not a device node');
  const inside = walk(source, target);
  if (inside.length === 0) throw complain('no devices in this directory');
  return inside;
}

/** Every device of the host's /dev, for a privileged container. */
export function hostDevices(): OciDevice[] {
  return walk('/dev', '/dev');
}

function walk(directory: string, target: string): OciDevice[] {
  const devices: OciDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const source = path.join(directory, entry.name);
    const destination = path.posix.join(target, entry.name);
    if (entry.isDirectory()) devices.push(...walk(source, destination));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      // A device may be unplugged between the listing and the look.
      const stats = statSync(source, { throwIfNoEntry: false });
      const device = stats && toDevice(destination, stats);
      if (device) devices.push(device);
    }
  }
  return devices;
}

function toDevice(target: string, stats: Stats): OciDevice | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined;
  return {
    path: target,
    type: stats.isCharacterDevice() ? 'c' : 'b',
    ...splitDevice(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

/** glibc's major() and minor() for numbers that fit 32 bits, as the kernel's do. */
function splitDevice(rdev: number): { major: number; minor: number } {
  return { major: Math.floor(rdev / 256) & 0xfff, minor: (rdev & 0xff) | (Math.floor(rdev / 4096) & 0xfff00) };
}

/** Numbers of the device node at `file`, for limits that name devices by path. */
export function deviceNumbers(file: string): { major: number; minor: number } {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) throw invalid(`no such device: ${file}`);
  if (!stats.isBlockDevice() && !stats.isCharacterDevice()) throw new GantryError('invalid', `${file} is not a device node`);
  return splitDevice(stats.rdev);
}
