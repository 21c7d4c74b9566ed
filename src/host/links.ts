export interface Link { index: number; name: string; kind?: string; mtu: number; up: boolean; address?: string; master?: string; alias?: string }
export interface LinkAddress { link: string; family: 4 | 6; address: string; prefix: number; scope: string }
export interface Route { family: 4 | 6; /** CIDR, or 'default'. */ destination: string; link: string; gateway?: string; metric?: number }
export interface InterfaceCounters { rxBytes: number; rxPackets: number; rxErrors: number; rxDropped: number; txBytes: number; txPackets: number; txErrors: number; txDropped: number }
/** With `force` a failing line does not stop the later ones; the failures are then thrown together at the end. */
export declare function ipBatch(lines: readonly string[], options?: { namespace?: string; force?: boolean; signal?: AbortSignal }): Promise<void>;
export declare function listLinks(options?: { namespace?: string }): Promise<Link[]>;
export declare function listAddresses(options?: { namespace?: string }): Promise<LinkAddress[]>;
export declare function listRoutes(options?: { namespace?: string }): Promise<Route[]>;
/** By interface name, from /proc/PID/net/dev. Undefined when the process is gone. */
export declare function interfaceCounters(pid: number): Record<string, InterfaceCounters> | undefined;
export declare function interfaceCountersInNamespace(path: string): Promise<Record<string, InterfaceCounters>>;
export declare function setSysctl(key: readonly string[], value: string | number, options?: { namespace?: string }): Promise<void>;
export declare function uplinkMtu(): number;
/** Read from /proc, no process. */
export declare function hostRoutes(): Route[];
