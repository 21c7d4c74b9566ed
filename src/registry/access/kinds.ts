/** Kinds of rows in the registry's store. Users and robots log in by the same names, so each looks at the other's. */
export const USER = 'registry.user';
export const ROBOT = 'registry.robot';
export const TEAM = 'registry.team';
/** One row holds all rules: they change together, and no moment between is ever seen. */
export const POLICY = 'registry.policy';
