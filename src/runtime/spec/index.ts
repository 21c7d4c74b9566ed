export * from './build.ts';
export * from './capabilities.ts';
export * from './devices.ts';
export { usesInit } from './mounts.ts';
export * from './oci.ts';
export * from './process.ts';
export * from './resources.ts';
export * from './seccomp.ts';
export * from './users.ts';
