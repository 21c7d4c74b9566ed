export { openTrust } from './policy-trust.ts';
export type * from './trust.ts';
