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
/** All CLONE_NEW… flags that clone(2) takes. */
const NEW_NAMESPACES = 0x7e020000;
const EPERM = 1;
const ENOSYS = 38;

/** `profile` with namespaces and mounts for holders of CAP_SYS_ADMIN only, and the keyring for nobody. */
export function guardNamespaces(profile: SeccompProfile): SeccompProfile {
  const rules = (profile.syscalls ?? []).map((rule) => ({
    ...rule,
    names: (rule.names ?? (rule.name === undefined ? [] : [rule.name])).filter((name) => !GUARDED.has(name)),
  }));
  const held = { includes: { caps: ['CAP_SYS_ADMIN'] } };
  const lacking = { excludes: { caps: ['CAP_SYS_ADMIN'] } };
  const administrative = [...GUARDED].filter((name) => !KEYRING.has(name));
  const denied = administrative.filter((name) => name !== 'clone' && name !== 'clone3');
  const withoutNamespaces = (index: number) => [{ index, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }];
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
    ],
  };
}
