import type { SeccompProfile } from './seccomp.ts';

/**
 * System calls that make namespaces or mounts or reach the kernel's keyring. The profile of containers-common (made for
 * rootless engines) lets every container use them; Docker's does so only with CAP_SYS_ADMIN, for a user namespace of one's own
 * opens large parts of the kernel.
 */
const GUARDED = new Set([
  ...['clone', 'clone3', 'unshare', 'setns', 'sethostname', 'setdomainname'],
  ...['mount', 'umount', 'umount2', 'mount_setattr', 'move_mount', 'open_tree', 'fsconfig', 'fsmount', 'fsopen', 'fspick', 'pivot_root'],
  ...['keyctl', 'add_key', 'request_key'],
]);
const KEYRING = new Set(['keyctl', 'add_key', 'request_key', 'pivot_root']);
/** What the profile gives everybody, and Docker only to holders of one of these. */
const BY_CAPABILITY: readonly (readonly [name: string, ...capabilities: string[]])[] = [
  ['syslog', 'CAP_SYSLOG', 'CAP_SYS_ADMIN'],
  ['reboot', 'CAP_SYS_BOOT'],
  ['pidfd_getfd', 'CAP_SYS_PTRACE'],
  ...['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'].map((name) => [name, 'CAP_SYS_NICE'] as const),
];
/** Sockets of a virtual machine to whoever runs it (socket(2), AF_VSOCK): no container's business. */
const VIRTUAL_MACHINE_SOCKETS = 40;
const REPLACED = new Set([...GUARDED, ...BY_CAPABILITY.map(([name]) => name), 'socket']);
/** All CLONE_NEW… flags that clone(2) takes. */
const NEW_NAMESPACES = 0x7e020000;
const EPERM = 1;
const ENOSYS = 38;

/** `profile` with namespaces and mounts for holders of CAP_SYS_ADMIN only, the keyring for nobody, and the rest of what Docker closes. */
export function guardNamespaces(profile: SeccompProfile): SeccompProfile {
  const rules = (profile.syscalls ?? []).map((rule) => ({
    ...rule,
    names: (rule.names ?? (rule.name === undefined ? [] : [rule.name])).filter((name) => !REPLACED.has(name)),
  }));
  const held = { includes: { caps: ['CAP_SYS_ADMIN'] } };
  const lacking = { excludes: { caps: ['CAP_SYS_ADMIN'] } };
  const administrative = [...GUARDED].filter((name) => !KEYRING.has(name));
  const denied = administrative.filter((name) => name !== 'clone' && name !== 'clone3');
  const withoutNamespaces = (index: number) => [{ index, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }];
  const family = (op: string) => [{ index: 0, value: VIRTUAL_MACHINE_SOCKETS, valueTwo: 0, op }];
  return {
    ...profile,
    syscalls: [
      ...rules.filter((rule) => rule.names.length > 0),
      { names: administrative, action: 'SCMP_ACT_ALLOW', ...held },
      // s390x has the flags in the second argument (clone(2)).
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: withoutNamespaces(0),
        excludes: { ...lacking.excludes, arches: ['s390', 's390x'] },
      },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: withoutNamespaces(1), includes: { arches: ['s390', 's390x'] }, ...lacking },
      { names: denied, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, ...lacking },
      // The flags of clone3 lie in memory, where no filter sees them: "not there" sends C libraries back to clone.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS, ...lacking },
      { names: [...KEYRING], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: family('SCMP_CMP_NE') },
      { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, args: family('SCMP_CMP_EQ') },
      ...BY_CAPABILITY.flatMap(([name, ...capabilities]) => [
        ...capabilities.map((capability) => ({ names: [name], action: 'SCMP_ACT_ALLOW', includes: { caps: [capability] } })),
        { names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, excludes: { caps: capabilities } },
      ]),
    ],
  };
}
