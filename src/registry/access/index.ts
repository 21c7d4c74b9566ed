export type * from './access.ts';
export { UserAccess } from './user-access.ts';
export { addUser, changePassword, removeUser, USER, type User } from './users.ts';
