import { readFileSync } from 'node:fs';
import { errnoOf, type Log } from '../../base/index.ts';
import { run, which } from '../../host/index.ts';
import type { Nftables } from './nftables.ts';

interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/**
 * A packet passes only when every base chain at `forward` lets it, so no rule of ours can undo another's `policy drop`
 * (Docker and ufw set it through iptables). There, and only there, our bridge is accepted by two marked rules; our own
 * chain still decides what may enter. Done again after each change of rules, for engines rewrite theirs.
 */
export async function acceptWhereForwardingIsDropped(nftables: Nftables, bridge: string, log: Log): Promise<void> {
  for (const chain of droppingChains(await nftables.query(['list', 'chains']))) {
    const name = `${chain.family} ${chain.table} ${chain.name}`;
    const present = JSON.stringify(await nftables.query(['list', 'chain', chain.family, chain.table, chain.name]));
    if (present.includes(`"${commentOf(bridge)}"`)) continue;
    log.warn(`The chain ${name} of another program drops forwarded packets: accepting those of ${bridge} there`);
    const rule = (match: string) => `insert rule ${name} ${match} "${bridge}" counter accept comment "${commentOf(bridge)}"\n`;
    await nftables.apply(rule('iifname') + rule('oifname'));
  }
}

/**
 * The same for the old back end of iptables, which nft does not show. Only where its filter table is in use: asking
 * iptables-legacy otherwise would load it.
 */
export async function acceptInLegacyTables(bridge: string, log: Log): Promise<void> {
  if (!legacyTables().includes('filter')) return;
  const iptables = which('iptables-legacy');
  if (iptables === undefined) {
    log.warn(
      'iptables-legacy rules are in force, but the program to read them is missing: if they drop forwarded packets, containers have no network',
    );
    return;
  }
  const { stdout } = await run(iptables, ['-w', '-S', 'FORWARD']);
  if (!stdout.startsWith('-P FORWARD DROP') || stdout.includes(`"${commentOf(bridge)}"`)) return;
  log.warn(`The FORWARD chain of iptables-legacy drops forwarded packets: accepting those of ${bridge} there`);
  for (const match of ['-i', '-o']) {
    await run(iptables, ['-w', '-I', 'FORWARD', match, bridge, '-m', 'comment', '--comment', commentOf(bridge), '-j', 'ACCEPT']);
  }
}

function legacyTables(): string[] {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8').split('\n');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

const commentOf = (bridge: string) => `gantry: ${bridge}`;

/** Chains that drop what no rule of theirs accepts, where packets of IPv4 are forwarded. */
export function droppingChains(objects: readonly unknown[]): Chain[] {
  return (objects as readonly { chain?: Chain }[]).flatMap(({ chain }) =>
    chain !== undefined && (chain.family === 'ip' || chain.family === 'inet') && chain.hook === 'forward' && chain.policy === 'drop'
      ? [chain]
      : [],
  );
}
