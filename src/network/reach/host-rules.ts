/** The rules of a host's firewall, as far as they can be understood: nftables' and iptables' in the same words. */
export interface HostTable {
  /** For people: `ip filter`, `inet firewalld`, `iptables-legacy filter`. */
  name: string;
  /** The families of packets that it sees. */
  families: readonly (4 | 6)[];
  chains: ReadonlyMap<string, HostChain>;
}

export interface HostChain {
  name: string;
  /** Of base chains. */
  hook?: string;
  policy?: 'accept' | 'drop';
  rules: HostRule[];
}

export interface HostRule {
  matches: Match[];
  action: Action;
}

export type Action = 'accept' | 'drop' | 'return' | 'go on' | { jump: string } | { goto: string };

/** One condition. `unknown` may hold or not; the words are for people. */
export type Match =
  | { what: 'device'; names: string[]; not: boolean }
  /** The one that it leaves by. */
  | { what: 'way out'; names: string[]; not: boolean }
  | { what: 'protocol'; names: string[]; not: boolean }
  | { what: 'family'; family: 4 | 6 }
  | { what: 'port'; ranges: [number, number][]; not: boolean }
  | { what: 'new'; holds: boolean }
  | { what: 'unknown'; words: string };

/** What is asked: may a new connection to this port come in, from a machine that no rule names? */
export interface Question {
  family: 4 | 6;
  protocol: string;
  port: number;
  /** The device that it would leave by, when it is forwarded. */
  out?: string;
}

export interface Judgement {
  /** `some`: it depends on the client. */
  lets: 'everyone' | 'some' | 'nobody';
  /** The chain that decides, and for `some` what it goes by. */
  by: string;
}

/** What all chains at `hook` make of the question. With no chain there everybody is let in. */
export function judge(tables: readonly HostTable[], hook: string, question: Question): Judgement {
  let worst: Judgement = { lets: 'everyone', by: '' };
  const rank = { everyone: 0, some: 1, nobody: 2 };
  for (const table of tables.filter(({ families }) => families.includes(question.family))) {
    for (const chain of table.chains.values()) {
      if (chain.hook !== hook) continue;
      const judgement = judgeChain(table, chain, question);
      if (rank[judgement.lets] > rank[worst.lets] || worst.by === '') worst = judgement;
    }
  }
  return worst;
}

function judgeChain(table: HostTable, chain: HostChain, question: Question): Judgement {
  const walk = new Walk(table, question);
  const verdict = walk.through(chain, false, 0) ?? chain.policy ?? 'accept';
  const name = `${table.name} ${chain.name}`;
  const how = chain.policy === 'drop' && !walk.decidedByRule ? ' (policy drop)' : '';
  if (verdict === 'accept')
    return { lets: walk.mayDrop.length > 0 ? 'some' : 'everyone', by: describeChain(name, '', walk.mayDrop, 'refuses') };
  return { lets: walk.mayAccept.length > 0 ? 'some' : 'nobody', by: describeChain(name, how, walk.mayAccept, 'accepts') };
}

function describeChain(name: string, how: string, conditions: readonly string[], verb: string): string {
  const few = [...new Set(conditions)].slice(0, 3);
  return few.length === 0 ? `${name}${how}` : `${name}${how}, which ${verb} some: ${few.join('; ')}`;
}

const DEEPEST = 40;

/** One packet's way through a base chain. Where a condition cannot be known both ways are gone, and what the one less likely comes to is noted. */
class Walk {
  readonly mayAccept: string[] = [];
  readonly mayDrop: string[] = [];
  decidedByRule = false;
  readonly #table: HostTable;
  readonly #question: Question;

  constructor(table: HostTable, question: Question) {
    this.#table = table;
    this.#question = question;
  }

  /** The verdict; undefined when the chain has none. `aside` is the way of packets that a condition may hold for. */
  through(chain: HostChain, aside: boolean, depth: number, condition = ''): 'accept' | 'drop' | 'return' | undefined {
    for (const { matches, action } of depth > DEEPEST ? [] : chain.rules) {
      const answers = matches.map((match) => answerTo(match, this.#question));
      if (action === 'go on' || answers.includes('no')) continue;
      const words = matches.flatMap((match) => (match.what === 'unknown' || match.what === 'device' ? [wordsOf(match)] : []));
      if (!answers.includes('maybe')) {
        const verdict = this.#follow(action, aside, depth, condition);
        if (verdict !== undefined) return verdict === 'return' ? undefined : verdict;
        continue;
      }
      this.#aside(action, depth, [condition, ...words].filter(Boolean).join(' '));
    }
    return undefined;
  }

  #follow(action: Action, aside: boolean, depth: number, condition: string): 'accept' | 'drop' | 'return' | undefined {
    if (typeof action === 'object') {
      const target = this.#table.chains.get('jump' in action ? action.jump : action.goto);
      const verdict = target && this.through(target, aside, depth + 1, condition);
      // Who was sent by goto does not come back: the policy decides.
      return verdict ?? ('goto' in action ? 'return' : undefined);
    }
    if (action === 'go on') return undefined;
    if (action !== 'return' && !aside) this.decidedByRule = true;
    return action;
  }

  #aside(action: Action, depth: number, condition: string): void {
    const decided = this.decidedByRule;
    const verdict = this.#follow(action, true, depth, condition);
    this.decidedByRule = decided;
    if (verdict === 'accept') this.mayAccept.push(condition);
    if (verdict === 'drop') this.mayDrop.push(condition);
  }
}

function answerTo(match: Match, { family, protocol, port, out = '' }: Question): 'yes' | 'no' | 'maybe' {
  const yesNo = (holds: boolean) => (holds ? 'yes' : 'no');
  switch (match.what) {
    case 'device':
      // It comes from a machine on some wire: not over loopback.
      return match.names.every((name) => name === 'lo') ? yesNo(match.not) : 'maybe';
    case 'way out':
      return yesNo(match.names.some((name) => (/[*+]$/.test(name) ? out.startsWith(name.slice(0, -1)) : name === out)) !== match.not);
    case 'protocol':
      return yesNo(match.names.includes(protocol) !== match.not);
    case 'family':
      return yesNo(match.family === family);
    case 'port':
      return yesNo(match.ranges.some(([from, to]) => port >= from && port <= to) !== match.not);
    case 'new':
      return yesNo(match.holds);
    case 'unknown':
      return 'maybe';
  }
}

const wordsOf = (match: Match): string =>
  match.what === 'device' ? `${match.not ? 'not ' : ''}from ${match.names.join(', ')}` : match.what === 'unknown' ? match.words : '';
