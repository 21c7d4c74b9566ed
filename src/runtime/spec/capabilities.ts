import { invalid } from '../../base/index.ts';
import type { OciCapabilities } from './oci.ts';

/** Every capability by its bit number (linux/capability.h). */
export const CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** What a container gets when nothing is asked for: Docker's set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The names in a mask such as the CapBnd line of /proc/PID/status (hexadecimal). */
export function decodeCapabilityMask(mask: string): Set<string> {
  const bits = BigInt(`0x${mask}`);
  return new Set(CAPABILITIES.filter((_, bit) => (bits >> BigInt(bit)) & 1n));
}

export interface CapabilityRequest {
  privileged: boolean;
  add: readonly string[];
  drop: readonly string[];
  /** What the daemon itself may hand on. */
  available: ReadonlySet<string>;
}

/**
 * The capabilities of a container, in bit order. `ALL` means all that the host has; a name may lack its CAP_ prefix.
 * Errors: `invalid` for a name that does not exist or that this host cannot give.
 */
export function chooseCapabilities(request: CapabilityRequest): string[] {
  const add = request.add.map((name) => normalize(name, 'CapAdd'));
  const drop = request.drop.map((name) => normalize(name, 'CapDrop'));
  if (request.privileged) return CAPABILITIES.filter((name) => request.available.has(name));
  for (const name of add) {
    if (name !== 'ALL' && !request.available.has(name)) {
      throw invalid(`invalid CapAdd: this host cannot give ${name}: the daemon does not have it`);
    }
  }
  let chosen: Set<string>;
  if (add.includes('ALL')) chosen = new Set([...request.available].filter((name) => !drop.includes(name)));
  else if (drop.includes('ALL')) chosen = new Set(add);
  else chosen = new Set([...DEFAULT_CAPABILITIES.filter((name) => request.available.has(name) && !drop.includes(name)), ...add]);
  return CAPABILITIES.filter((name) => chosen.has(name));
}

function normalize(name: string, field: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!CAPABILITIES.includes(full)) throw invalid(`invalid ${field}: unknown capability: "${name}"`);
  return full;
}

/** The five sets of a process. Only root starts with effective ones; others may still gain them within the bounding set. */
export function capabilitySets(chosen: readonly string[], uid: number): OciCapabilities {
  const held = uid === 0 ? [...chosen] : [];
  return { bounding: [...chosen], effective: held, permitted: [...held], inheritable: [], ambient: [] };
}
