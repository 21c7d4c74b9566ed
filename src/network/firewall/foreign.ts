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
export async function acceptWhereForwardingIsDropped(nftables: Nftables, bridges: readonly string[], log: Log): Promise<void> {
  for (const chain of droppingChains(await nftables.query(['list', 'chains']))) {
    const name = `${chain.family} ${chain.table} ${chain.name}`;
    const present = JSON.stringify(await nftables.query(['list', 'chain', chain.family, chain.table, chain.name]));
    const missing = bridges.filter((bridge) => !present.includes(`"${commentOf(bridge)}"`));
    if (missing.length === 0) continue;
    log.warn(`The chain ${name} of another program drops forwarded packets: accepting those of ${missing.join(', ')} there`);
    const rule = (match: string, bridge: string) =>
      `insert rule ${name} ${match} "${bridge}" counter accept comment "${commentOf(bridge)}"\n`;
    await nftables.apply(missing.map((bridge) => rule('iifname', bridge) + rule('oifname', bridge)).join(''));
  }
}

/** Takes the rules away that were made for a bridge that is gone. */
export async function forgetElsewhere(nftables: Nftables, bridge: string): Promise<void> {
  for (const chain of droppingChains(await nftables.query(['list', 'chains']))) {
    const objects = await nftables.query(['list', 'chain', chain.family, chain.table, chain.name]);
    const rules = (objects as readonly { rule?: { handle: number; comment?: string } }[]).flatMap(({ rule }) =>
      rule?.comment === commentOf(bridge) ? [rule.handle] : [],
    );
    const script = rules.map((handle) => `delete rule ${chain.family} ${chain.table} ${chain.name} handle ${handle}\n`).join('');
    if (script !== '') await nftables.apply(script);
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

/** Chains that drop what no rule of theirs accepts, where packets are forwarded. */
export function droppingChains(objects: readonly unknown[]): Chain[] {
  return (objects as readonly { chain?: Chain }[]).flatMap(({ chain }) =>
    chain !== undefined && ['ip', 'ip6', 'inet'].includes(chain.family) && chain.hook === 'forward' && chain.policy === 'drop'
      ? [chain]
      : [],
  );
}
