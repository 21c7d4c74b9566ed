/** The only room that touches Linux: processes, mounts, cgroups, links, firewall, namespaces, /proc, sockets. */

export * from './archive/index.ts';
export * from './cgroups/index.ts';
export * from './children.ts';
export * from './connections.ts';
export * from './counters.ts';
export * from './detach.ts';
export * from './disk-usage.ts';
export * from './emulators.ts';
export * from './files.ts';
export * from './give-back.ts';
export * from './gzip.ts';
export * from './kernel/index.ts';
export * from './listeners.ts';
export * from './mounts.ts';
export * as netlink from './netlink/index.ts';
export * from './proc.ts';
export * from './processes.ts';
export * from './rooted.ts';
export * from './sockets.ts';
export * from './system-cpu.ts';
export * from './trash.ts';
