export * from './firewall.ts';
export * from './nftables.ts';
export type * from './rules.ts';
