import { invalid, unsupported } from '../base/index.ts';

/** What the `local` driver's options ask to have mounted, in mount(8)'s words. */
export interface VolumeMount {
  type: string;
  device: string;
  /** Comma-separated; empty for none. */
  options: string;
}

const KNOWN: readonly string[] = ['type', 'device', 'o'];

/**
 * Reads the options of Docker's `local` driver: `type`, `device` and `o`. Undefined when there are none: a plain directory.
 * Fails with `invalid` for what is missing or unknown. Whether this host can mount it shows when it is mounted: a kernel may load
 * a file system only when it is asked for.
 */
export function parseDriverOptions(options: Record<string, string>): VolumeMount | undefined {
  if ('size' in options) throw unsupported(`quota size requested (size=${options['size']}) but no quota support`);
  for (const key of Object.keys(options)) if (!KNOWN.includes(key)) throw invalid(`invalid option: ${JSON.stringify(key)}`);
  if (Object.keys(options).length === 0) return undefined;
  const { type, device, o = '' } = options;
  if (!device) throw invalid('missing required option: "device"');
  if (!type) throw invalid('missing required option: "type"');
  if (/[\0\n]/.test(type + device + o)) throw invalid('the volume options "type", "device" and "o" must be one line');
  const bind = type === 'bind' || hasOption(o, 'bind') || hasOption(o, 'rbind');
  if (bind && !device.startsWith('/')) throw invalid(`invalid device ${JSON.stringify(device)}: a bind needs an absolute path`);
  return {
    type: bind ? 'none' : type,
    device,
    options: type === 'bind' && !hasOption(o, 'bind') && !hasOption(o, 'rbind') ? ['bind', o].filter(Boolean).join(',') : o,
  };
}

const words = (options: string): string[] => options.split(',').filter((word) => word !== '');
const hasOption = (options: string, name: string): boolean => words(options).some((word) => word.split('=')[0] === name);

const NFS = /^nfs4?$/;
const CIFS = /^(cifs|smb3)$/;

/** Where the kernel itself talks to the server, and is given its address: programs that mount for it want other words than Docker's. */
export const isNetworkMount = (mount: VolumeMount): boolean => NFS.test(mount.type) || CIFS.test(mount.type);

/** The name or address of the server that the kernel must be told as an address (nfs(5), `addr=`); undefined where it is one already, or there is none. */
export function serverToResolve(mount: VolumeMount): string | undefined {
  if (!isNetworkMount(mount)) return undefined;
  const given = words(mount.options).find((word) => /^(addr|ip)=/.test(word));
  if (given !== undefined) return given.slice(given.indexOf('=') + 1);
  const [, host] = NFS.test(mount.type) ? (/^\[?([^\]]*?)\]?:\//.exec(mount.device) ?? []) : (/^\/\/([^/]+)/.exec(mount.device) ?? []);
  return host || undefined;
}

/** The mount with the address of its server in its options. */
export function withServerAddress(mount: VolumeMount, address: string): VolumeMount {
  const others = words(mount.options).filter((word) => !/^(addr|ip)=/.test(word));
  return { ...mount, options: [...others, `addr=${address}`].join(',') };
}

/** The mount as a message may show it. */
export function describeMount(mount: VolumeMount): string {
  const shown = words(mount.options).map((word) => word.replace(/^(pass\w*)=.*/, '$1=********'));
  return `${mount.device} (type ${mount.type}${shown.length > 0 ? `, ${shown.join(',')}` : ''})`;
}
