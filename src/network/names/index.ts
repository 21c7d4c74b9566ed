export * from './files.ts';
export { changeHosts, ownEntries } from './hosts.ts';
export { isUnedited } from './resolver.ts';
