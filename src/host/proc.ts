export interface ProcessTable { titles: string[]; rows: string[][] }
export declare function processTable(pids: readonly number[], psArguments?: readonly string[]): Promise<ProcessTable>;
export interface HostInfo { kernel: string; osName: string; osVersion: string; osId: string; architecture: string; processors: number; memory: number; hostname: string; bootTime: number; security: { seccomp: boolean; apparmor: boolean; selinux: boolean } }
export declare function readHostInfo(): HostInfo;
/** All pids of the pid namespace of `pid`, that one included. */
export declare function pidsInNamespace(pid: number): number[];
/** By docker's names ('nofile' …); Infinity means unlimited. */
export declare function readRlimits(pid?: number): Record<string, { soft: number; hard: number }>;
/** Resolves when process `pid` has ended (any process, not only a child); at once when it is gone. */
export declare function watchExit(pid: number, signal?: AbortSignal): Promise<void>;
export declare function peerCredentials(fd: number): { pid: number; uid: number; gid: number };
