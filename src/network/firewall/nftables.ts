import { run } from '../../host/index.ts';

/** The three ways in which the firewall speaks with nft(8). */
export interface Nftables {
  /** All of the script happens or nothing. */
  apply(script: string): Promise<void>;
  /** The objects of `nft -j list table ip NAME`; undefined when there is no such table. */
  list(table: string): Promise<unknown[] | undefined>;
  /** Objects of any other listing, such as `list chains`; [] when nft cannot list it. */
  query(words: readonly string[]): Promise<unknown[]>;
}

export function nftables(): Nftables {
  const listed = async (words: readonly string[]) => {
    const { code, stdout } = await run('nft', ['-j', ...words], { allowFailure: true });
    return code === 0 ? (JSON.parse(stdout) as { nftables: unknown[] }).nftables : undefined;
  };
  return {
    apply: async (script) => {
      await run('nft', ['-f', '-'], { input: script });
    },
    list: (table) => listed(['list', 'table', 'ip', table]),
    query: async (words) => (await listed(words)) ?? [],
  };
}
