import { readFileSync } from 'node:fs';
import { invalid, unsupported } from '../base/index.ts';
import { which } from '../host/index.ts';

/** What the `local` driver's options ask to have mounted, as mount(8) takes it. */
export interface VolumeMount {
  type: string;
  device: string;
  /** Comma-separated; empty for none. */
  options: string;
}

const KNOWN: readonly string[] = ['type', 'device', 'o'];

/**
 * Reads the options of Docker's `local` driver: `type`, `device` and `o`. Undefined when there are none: a plain directory.
 * Fails with `invalid` for what is missing or unknown, with `unsupported` for what this host cannot mount.
 */
export function parseDriverOptions(options: Record<string, string>): VolumeMount | undefined {
  if ('size' in options) throw unsupported(`quota size requested (size=${options['size']}) but no quota support`);
  for (const key of Object.keys(options)) if (!KNOWN.includes(key)) throw invalid(`invalid option: ${JSON.stringify(key)}`);
  if (Object.keys(options).length === 0) return undefined;
  const { type, device, o = '' } = options;
  if (!type) throw invalid('missing required option: "type"');
  if (!device) throw invalid('missing required option: "device"');
  if (/[\0\n]/.test(device + o)) throw invalid('the volume options "device" and "o" must be one line');
  const bind = type === 'bind' || o.split(',').some((word) => word === 'bind' || word === 'rbind');
  if (bind && !device.startsWith('/')) throw invalid(`invalid device ${JSON.stringify(device)}: a bind needs an absolute path`);
  if (!bind && !canMount(type)) throw unsupported(`the volume option type=${type} is not supported: this host has no such file system`);
  return {
    type: bind ? 'none' : type,
    device,
    options: type === 'bind' && !/(^|,)r?bind(,|$)/.test(o) ? ['bind', o].filter(Boolean).join(',') : o,
  };
}

function canMount(type: string): boolean {
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(type)) return false;
  if (which(`mount.${type}`) !== undefined) return true;
  // Lines are `nodev<tab>tmpfs` or `<tab>ext4`.
  return readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some((line) => line.split('\t')[1] === type);
}
