import type { Clock, Log } from '../base/index.ts';
export declare function nft(ruleset: string, options?: { namespace?: string; signal?: AbortSignal }): Promise<void>;
/** The `nftables` array of `nft -j list table`; undefined when there is no such table. */
export declare function listTable(family: string, name: string, options?: { namespace?: string }): Promise<unknown[] | undefined>;
/** Calls onChange after (batched) changes by anyone, until the signal aborts. */
export declare function watchRuleset(onChange: () => void, options: { signal: AbortSignal; clock: Clock; log: Log; namespace?: string }): void;
