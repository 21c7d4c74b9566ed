import { invalid } from '../../base/index.ts';

const IPC_SYSCTLS = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

export interface NamespacesOwned {
  network: boolean;
  ipc: boolean;
  uts: boolean;
}

/**
 * Checks that every sysctl lives in a namespace of the container's own: one that does not would change the host.
 * An own network gets Docker's two defaults (ping and low ports for everyone).
 */
export function buildSysctls(asked: Record<string, string>, owned: NamespacesOwned): Record<string, string> {
  for (const key of Object.keys(asked)) {
    if (!/^[a-z0-9_]+([./][A-Za-z0-9_:*@-]+)+$/.test(key) || key.includes('..')) throw invalid(`sysctl "${key}" is not a valid name`);
    const name = key.replaceAll('/', '.');
    if (name.startsWith('net.')) {
      if (!owned.network) throw invalid(`sysctl "${key}" not allowed in host network namespace`);
    } else if (IPC_SYSCTLS.has(name) || name.startsWith('fs.mqueue.')) {
      if (!owned.ipc) throw invalid(`sysctl "${key}" is not allowed in the hosts ipc namespace`);
    } else if (name === 'kernel.domainname' || name === 'kernel.hostname') {
      if (!owned.uts) throw invalid(`sysctl "${key}" is not allowed in the hosts uts namespace`);
      if (name === 'kernel.hostname') throw invalid(`sysctl "${key}" is not allowed as it conflicts with the hostname of the container`);
    } else {
      throw invalid(`sysctl "${key}" is not in a separate kernel namespace`);
    }
  }
  const defaults = owned.network ? { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' } : {};
  return { ...defaults, ...asked };
}
