import { invalid, unsupported } from '../../../base/index.ts';
import type { DeviceRule, DeviceSpec, SeccompChoice } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

/** capabilities(7), without the prefix. */
const CAPABILITIES = new Set(
  (
    'AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE ' +
    'LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT ' +
    'SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM'
  ).split(' '),
);

/** `CapAdd` or `CapDrop` as `CAP_…` names, or `ALL`. */
export function decodeCapabilities(host: Fields, field: 'CapAdd' | 'CapDrop'): string[] {
  return (host.strings(field) ?? []).map((text) => {
    const name = text.trim().toUpperCase().replace(/^CAP_/, '');
    if (name === 'ALL') return name;
    if (!CAPABILITIES.has(name)) throw invalid(`invalid ${field}: unknown capability: "CAP_${name}"`);
    return `CAP_${name}`;
  });
}

export interface SecurityChoice {
  seccomp: SeccompChoice;
  noNewPrivileges: boolean;
  /** `systempaths=unconfined`: nothing of /proc and /sys is masked. */
  unmaskedPaths: boolean;
}

export function decodeSecurityOptions(host: Fields): SecurityChoice {
  const choice: SecurityChoice = { seccomp: { kind: 'default' }, noNewPrivileges: false, unmaskedPaths: false };
  for (const option of host.strings('SecurityOpt') ?? []) apply(choice, option);
  return choice;
}

function apply(choice: SecurityChoice, option: string): void {
  const match = /^([a-z-]+)(?:[=:](.*))?$/s.exec(option);
  const name = match?.[1] ?? '';
  const value = match?.[2];
  if (name === 'no-new-privileges') choice.noNewPrivileges = parseSwitch(option, value);
  else if (name === 'seccomp' && value !== undefined) choice.seccomp = decodeSeccomp(value);
  else if (name === 'systempaths' && value === 'unconfined') choice.unmaskedPaths = true;
  else if (name === 'apparmor' && value !== undefined) refuseUnless(option, value === 'unconfined' || value === '', 'AppArmor profiles');
  else if (name === 'label' && value !== undefined) refuseUnless(option, value === 'disable', 'SELinux labels');
  else if (name === 'writable-cgroups') refuseUnless(option, value === 'false', 'writable cgroups');
  else throw invalid(`invalid --security-opt: "${option.slice(0, 200)}"`);
}

function parseSwitch(option: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(`invalid --security-opt: "${option}"`);
}

function refuseUnless(option: string, harmless: boolean, what: string): void {
  if (!harmless) throw unsupported(`HostConfig.SecurityOpt '${option}' is not supported: ${what} are not applied here`);
}

function decodeSeccomp(value: string): SeccompChoice {
  if (value === 'unconfined') return { kind: 'unconfined' };
  if (value === 'builtin' || value === 'default' || value === '') return { kind: 'default' };
  try {
    const profile: unknown = JSON.parse(value);
    if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) throw new Error('it is not an object');
    return { kind: 'profile', profile };
  } catch (error) {
    throw invalid(
      `Decoding seccomp profile failed: ${error instanceof Error ? error.message : String(error)}`,
      'Give the profile as JSON text.',
    );
  }
}

export function decodeDevices(host: Fields): DeviceSpec[] {
  if (host.objects('DeviceRequests').length > 0)
    throw unsupported('HostConfig.DeviceRequests (such as --gpus) is not supported: there is no device driver here');
  return host.objects('Devices').map((device) => {
    const pathOnHost = device.string('PathOnHost');
    if (!pathOnHost.startsWith('/')) throw invalid(`${device.path}.PathOnHost must be the absolute path of a device, not '${pathOnHost}'`);
    const permissions = device.string('CgroupPermissions') || 'rwm';
    if (!/^[rwm]{1,3}$/.test(permissions))
      throw invalid(`${device.path}.CgroupPermissions '${permissions}' is invalid: use letters of rwm`);
    const pathInContainer = device.string('PathInContainer') || pathOnHost;
    if (!pathInContainer.startsWith('/')) throw invalid(`${device.path}.PathInContainer '${pathInContainer}' must be absolute`);
    return { pathOnHost, pathInContainer, permissions };
  });
}

/** `c 1:3 rwm`, `b *:* r`, `a *:* rwm`. */
export function decodeDeviceRules(host: Fields): DeviceRule[] {
  return (host.strings('DeviceCgroupRules') ?? []).map((text) => {
    const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
    if (!match) throw invalid(`invalid device cgroup rule format: '${text}'`);
    const [, type, major, minor, access] = match;
    return {
      allow: true,
      type: type as DeviceRule['type'],
      access: access ?? '',
      ...(major === '*' ? {} : { major: Number(major) }),
      ...(minor === '*' ? {} : { minor: Number(minor) }),
    };
  });
}

/** Sysctls that a namespace of the container's own has (sysctl(5), namespaces(7)). */
const NAMESPACED = /^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|hostname|domainname)$)/;

export function decodeSysctls(host: Fields): Record<string, string> {
  const sysctls = host.stringMap('Sysctls');
  for (const name of Object.keys(sysctls)) {
    if (!NAMESPACED.test(name)) throw invalid(`sysctl '${name}' is not in a separate kernel namespace: it would change the whole host`);
    if (name.startsWith('net.') && host.string('NetworkMode') === 'host')
      throw invalid(`sysctl '${name}' is not allowed as the container uses the network of the host`);
    if (!name.startsWith('net.') && host.string('IpcMode') === 'host')
      throw invalid(`sysctl '${name}' is not allowed as the container uses the IPC namespace of the host`);
  }
  return sysctls;
}
