export type { AddressPool } from './addresses/index.ts';
export { createNetwork } from './create.ts';
export type { NameDefaults } from './names/index.ts';
export { changeHosts, isUnedited, ownEntries } from './names/index.ts';
export type * from './network.ts';
export type { PortReach, ReachSubject } from './reach/words.ts';
export { refuseForeignAddresses } from './segments/addressing.ts';
export type { NetworkOptions } from './settings.ts';
