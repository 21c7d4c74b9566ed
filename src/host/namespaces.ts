import type { RunOptions, RunResult } from './processes.ts';
/** Makes each of `paths` a file that holds a new network namespace with `lo` up; one helper process for all. */
export declare function createNetworkNamespaces(paths: readonly string[]): Promise<void>;
export declare function removeNamespace(path: string): Promise<void>;
export declare function runInNamespace(path: string, command: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
/** Undefined when `path` is no (longer a) namespace file. */
export declare function namespaceInode(path: string): number | undefined;
