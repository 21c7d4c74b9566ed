export { elementsOf, type Forwarding } from './elements.ts';
export * from './firewall.ts';
export * from './nftables.ts';
export type * from './rules.ts';
export * from './surroundings.ts';
