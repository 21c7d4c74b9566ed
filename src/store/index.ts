export { memoryStore } from './memory/memory.ts';
export { openStore } from './sqlite/sqlite.ts';
export type * from './store.ts';
