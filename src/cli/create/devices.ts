import { ULIMIT_NAMES } from '../../model/index.ts';
import { CommandFailure } from '../failure.ts';
import { parseInteger, parseSize } from '../flags/index.ts';

export interface DeviceBody {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

const MODE = /^[rwm]{1,3}$/;

/** Reads one `--device`: `path`, `path:path`, `path:rwm` or all three. */
export function parseDevice(given: string): DeviceBody {
  const [source = '', second, third, more] = given.split(':');
  if (source === '' || more !== undefined) throw new CommandFailure(`bad format for path: ${given}`, 125);
  if (third !== undefined) {
    if (!MODE.test(third)) throw new CommandFailure(`invalid device specification: ${given}: ${third} is not a mode`, 125);
    return { PathOnHost: source, PathInContainer: second || source, CgroupPermissions: third };
  }
  if (second !== undefined && MODE.test(second)) return { PathOnHost: source, PathInContainer: source, CgroupPermissions: second };
  return { PathOnHost: source, PathInContainer: second || source, CgroupPermissions: 'rwm' };
}

/** A device of a CDI vendor (`vendor.com/class=name`), which is no path. */
export const isCdi = (given: string) => /^[\w.-]+\/[\w.-]+=[\w.-]+$/.test(given) && !given.startsWith('/');

function splitRate(given: string): [string, string] {
  const colon = given.indexOf(':');
  const device = given.slice(0, Math.max(0, colon));
  if (colon < 0) throw new Error(`bad format: ${given}`);
  if (!device.startsWith('/dev/')) throw new Error(`bad format for device path: ${given}`);
  return [device, given.slice(colon + 1)];
}

export interface Throttle {
  readonly Path: string;
  readonly Rate: number;
}

export function parseByteRate(given: string): Throttle {
  const [device, rate] = splitRate(given);
  try {
    return { Path: device, Rate: parseSize(rate) };
  } catch {
    throw new Error(
      `invalid rate for device: ${given}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
}

export function parseOperationRate(given: string): Throttle {
  const [device, rate] = splitRate(given);
  if (!/^\d+$/.test(rate))
    throw new Error(`invalid rate for device: ${given}. The correct format is <device-path>:<number>. Number must be a positive integer`);
  return { Path: device, Rate: Number(rate) };
}

export function parseWeight(given: string): { Path: string; Weight: number } {
  const [device, weight] = splitRate(given);
  const number = /^\d+$/.test(weight) ? Number(weight) : Number.NaN;
  if (Number.isNaN(number) || (number > 0 && (number < 10 || number > 1000))) throw new Error(`invalid weight for device: ${given}`);
  return { Path: device, Weight: number };
}

/** Reads one `--ulimit`: `name=soft[:hard]`; -1 is "unlimited". */
export function parseUlimit(given: string): { Name: string; Soft: number; Hard: number } {
  const equals = given.indexOf('=');
  if (equals < 0) throw new Error(`invalid ulimit argument: ${given}`);
  const name = given.slice(0, equals);
  if (!ULIMIT_NAMES.includes(name)) throw new Error(`invalid ulimit type: ${name}`);
  const [soft = '', hard, more] = given.slice(equals + 1).split(':');
  if (more !== undefined)
    throw new Error(`too many limit value arguments - ${given.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``);
  const low = parseInteger(soft);
  const high = hard === undefined ? low : parseInteger(hard);
  if (high !== -1 && (low > high || low === -1))
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${low} > ${high}`);
  return { Name: name, Soft: low, Hard: high };
}
