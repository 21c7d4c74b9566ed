import { run, which } from '../../host/index.ts';
import type { HostTable } from './host-rules.ts';
import { readIptables } from './iptables-rules.ts';
import { readNftTables } from './nft-rules.ts';

const IPTABLES: readonly { family: 4 | 6; words: string; nft: string; save: string; legacy: string }[] = [
  { family: 4, words: 'ip', nft: 'ip filter', save: 'iptables-nft-save', legacy: 'iptables-legacy-save' },
  { family: 6, words: 'ip6', nft: 'ip6 filter', save: 'ip6tables-nft-save', legacy: 'ip6tables-legacy-save' },
];

/**
 * The rules of all firewalls of this host but Gantry's own. Tables of iptables are read by its own tools where they are there: nft shows
 * only that a rule has a match of iptables, not which. `legacy` are the families whose old back end is in use.
 */
export async function readHostRules(legacy: readonly (4 | 6)[]): Promise<HostTable[]> {
  const { stdout } = await run('nft', ['-j', 'list', 'ruleset']);
  const objects = (JSON.parse(stdout) as { nftables: Record<string, Record<string, unknown>>[] }).nftables;
  const managed = IPTABLES.filter(
    ({ words, save }) =>
      which(save) !== undefined && objects.some(({ table }) => table?.['family'] === words && table['name'] === 'filter'),
  );
  const ours = /^gantry(_[0-9a-f]{6})?$/;
  const skip = (family: string, table: string) => ours.test(table) || (table === 'filter' && managed.some(({ words }) => words === family));
  const saved = async (program: string, name: string, family: 4 | 6) =>
    readIptables((await run(program, ['-t', 'filter'])).stdout, name, family);
  return [
    ...readNftTables(objects, skip),
    ...(await Promise.all(managed.map(({ save, nft, family }) => saved(save, nft, family)))),
    ...(await Promise.all(
      IPTABLES.filter(({ family, legacy: program }) => legacy.includes(family) && which(program) !== undefined).map(
        ({ legacy: program, family }) => saved(program, `iptables-legacy${family === 6 ? ' (IPv6)' : ''} filter`, family),
      ),
    )),
  ];
}
