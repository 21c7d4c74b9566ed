import type { Action, HostChain, HostRule, HostTable, Match } from './host-rules.ts';

/** The filter table as iptables-save(8) prints it. */
export function readIptables(text: string, name: string, family: 4 | 6): HostTable {
  const chains = new Map<string, HostChain>();
  for (const line of text.split('\n')) {
    const chain = /^:(\S+) (ACCEPT|DROP|-)/.exec(line);
    if (chain) {
      const hook = { INPUT: 'input', FORWARD: 'forward', OUTPUT: 'output' }[chain[1] ?? ''];
      const policy = chain[2] === 'DROP' ? 'drop' : 'accept';
      chains.set(chain[1] ?? '', { name: chain[1] ?? '', ...(hook ? { hook, policy } : {}), rules: [] });
    }
    const rule = /^-A (\S+) (.*)$/.exec(line);
    if (rule) chains.get(rule[1] ?? '')?.rules.push(readRule(wordsOf(rule[2] ?? '')));
  }
  return { name, families: [family], chains };
}

const wordsOf = (text: string) => [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

const VERDICTS: Readonly<Record<string, Action>> = { ACCEPT: 'accept', DROP: 'drop', REJECT: 'drop', RETURN: 'return' };
/** Targets that do something and let the packet go on. */
const GO_ON = ['LOG', 'NFLOG', 'MARK', 'CONNMARK', 'TRACE', 'CT', 'TCPMSS', 'SET'];
/** Options that say nothing by themselves. */
const SILENT = ['-m', '--comment', '--reject-with', '--log-prefix', '--log-level', '--limit-burst', '--icmp-type', '--icmpv6-type'];

function readRule(words: readonly string[]): HostRule {
  const matches: Match[] = [];
  let action: Action = 'go on';
  for (let at = 0; at < words.length; at += 1) {
    const not = words[at] === '!';
    if (not) at += 1;
    const option = words[at] ?? '';
    const value = words[at + 1] ?? '';
    if (option.startsWith('-')) at += words[at + 1]?.startsWith('-') ? 0 : 1;
    if (option === '-j') action = VERDICTS[value] ?? (GO_ON.includes(value) ? 'go on' : { jump: value });
    else if (option === '-g') action = { goto: value };
    else if (!SILENT.includes(option)) matches.push(readMatch(option, value, not));
  }
  return { matches, action };
}

function readMatch(option: string, value: string, not: boolean): Match {
  switch (option) {
    case '-i':
      return { what: 'device', names: [value], not };
    case '-o':
      return { what: 'way out', names: [value], not };
    case '-p':
      return { what: 'protocol', names: [value === 'ipv6-icmp' ? 'icmpv6' : value], not };
    case '--dport':
    case '--dports':
      return { what: 'port', ranges: value.split(',').map(rangeOf), not };
    case '--ctstate':
    case '--state':
      return { what: 'new', holds: value.split(',').includes('NEW') !== not };
    case '--dst-type':
      return { what: 'new', holds: (value === 'LOCAL') !== not };
    case '--rt-type':
      // Routing headers are no part of an ordinary connection.
      return { what: 'new', holds: not };
    case '-s':
      return { what: 'unknown', words: `${not ? 'not ' : ''}source ${value}` };
    default:
      return { what: 'unknown', words: `${not ? '! ' : ''}${option} ${value}`.trim() };
  }
}

function rangeOf(text: string): [number, number] {
  const [from = '', to = from] = text.split(':');
  return [Number(from), Number(to || 65535)];
}
