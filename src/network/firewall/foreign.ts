import { readFileSync } from 'node:fs';
import { errnoOf, type Log } from '../../base/index.ts';
import { run, which } from '../../host/index.ts';
import type { Nftables } from './nftables.ts';

interface Rule {
  handle: number;
  comment?: string;
  expr: readonly Record<string, unknown>[];
}

interface Chain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/**
 * A packet passes only when every base chain at `forward` lets it, so no rule of ours can undo another's `policy drop`
 * (Docker and ufw set it through iptables) or its last word (firewalld's chain ends with a reject). There, and only there, our
 * bridge is accepted by two marked rules; our own chain still decides what may enter. Done again after each change of rules, for
 * engines rewrite theirs.
 */
export async function acceptWhereForwardingIsDropped(nftables: Nftables, bridges: readonly string[], log: Log): Promise<void> {
  for (const { name, objects } of await droppingChains(nftables)) {
    const present = JSON.stringify(objects);
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
  for (const { name, objects } of await droppingChains(nftables)) {
    const rules = objects.flatMap(({ rule }) => (rule?.comment === commentOf(bridge) ? [rule.handle] : []));
    const script = rules.map((handle) => `delete rule ${name} handle ${handle}\n`).join('');
    if (script !== '') await nftables.apply(script);
  }
  for (const { family, program } of LEGACY)
    if (legacyTables(family).includes('filter') && which(program) !== undefined)
      for (const match of ['-i', '-o']) await run(program, ['-w', '-D', 'FORWARD', ...legacyRule(match, bridge)], { allowFailure: true });
}

const LEGACY: readonly { family: 4 | 6; program: string }[] = [
  { family: 4, program: 'iptables-legacy' },
  { family: 6, program: 'ip6tables-legacy' },
];

/**
 * The same for the old back end of iptables, which nft does not show and whose changes nobody is told of. Only where its filter table
 * is in use: asking iptables-legacy otherwise would load it.
 */
export async function acceptInLegacyTables(bridges: readonly string[], log: Log): Promise<void> {
  for (const { family, program } of LEGACY) {
    if (!legacyTables(family).includes('filter')) continue;
    const iptables = which(program);
    if (iptables === undefined) continue;
    const { stdout } = await run(iptables, ['-w', '-S', 'FORWARD']);
    const missing = stdout.startsWith('-P FORWARD DROP') ? bridges.filter((bridge) => !stdout.includes(`"${commentOf(bridge)}"`)) : [];
    if (missing.length === 0) continue;
    log.warn(`The FORWARD chain of ${program} drops forwarded packets: accepting those of ${missing.join(', ')} there`);
    for (const bridge of missing)
      for (const match of ['-i', '-o']) await run(iptables, ['-w', '-I', 'FORWARD', ...legacyRule(match, bridge)]);
  }
}

const legacyRule = (match: string, bridge: string) => [match, bridge, '-m', 'comment', '--comment', commentOf(bridge), '-j', 'ACCEPT'];

/** Tells of rules that nobody can read here. */
export function warnOfUnreadable(log: Log): void {
  for (const { family, program } of LEGACY)
    if (legacyTables(family).includes('filter') && which(program) === undefined)
      log.warn(
        `Rules of ${program} are in force, but the program to read them is missing: if they drop forwarded packets, containers have no network`,
      );
}

/** Tables of the old back end of iptables that are in use. */
export function legacyTables(family: 4 | 6 = 4): string[] {
  try {
    return readFileSync(`/proc/net/ip${family === 6 ? '6' : ''}_tables_names`, 'utf8').split('\n');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

const commentOf = (bridge: string) => `gantry: ${bridge}`;

/** Tables of daemons like this one: they leave each other's bridges alone. */
const OURS = /^gantry(_[0-9a-f]{6})?$/;

interface DroppingChain {
  /** Family, table and chain, as nft(8) wants them. */
  name: string;
  objects: readonly { rule?: Rule }[];
}

/** Chains of others that drop what no rule of theirs accepts, where packets are forwarded. */
async function droppingChains(nftables: Nftables): Promise<DroppingChain[]> {
  const found: DroppingChain[] = [];
  for (const chain of forwardingChains(await nftables.query(['list', 'chains']))) {
    const name = [chain.family, chain.table, chain.name];
    const objects = (await nftables.query(['list', 'chain', ...name])) as DroppingChain['objects'];
    const rules = objects.flatMap(({ rule }) => (rule ? [rule] : []));
    if (chain.policy === 'drop' || endsInRefusal(rules)) found.push({ name: name.join(' '), objects });
  }
  return found;
}

function forwardingChains(objects: readonly unknown[]): Chain[] {
  return (objects as readonly { chain?: Chain }[]).flatMap(({ chain }) =>
    chain !== undefined && ['ip', 'ip6', 'inet'].includes(chain.family) && chain.hook === 'forward' && !OURS.test(chain.table)
      ? [chain]
      : [],
  );
}

/** Whether the last rule takes everything, and refuses it. */
export function endsInRefusal(rules: readonly Rule[]): boolean {
  const words = (rules.at(-1)?.expr ?? []).flatMap((part) => Object.keys(part));
  return (
    words.some((word) => word === 'drop' || word === 'reject') && words.every((word) => ['drop', 'reject', 'counter', 'log'].includes(word))
  );
}
