/** What the rest of src/host takes from the kernel; network namespaces and netlink have their one user in netlink/. */

export * from './attributes.ts';
export * from './files.ts';
export * from './inet.ts';
export * from './memory.ts';
export * from './mounts.ts';
export * from './poll.ts';
export * from './processes.ts';
export * from './sockets.ts';
