import { invalid } from '../../base/index.ts';
import { atLeastOne } from './command.ts';
import type { HealthcheckInstruction, InstructionBase } from './dockerfile.ts';
import { parseDuration } from './duration.ts';
import { parseFlags } from './flags.ts';
import type { Node } from './nodes.ts';

const FLAGS = { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' } as const;
const MINIMUM = 1_000_000;

export function parseHealthcheck(node: Node, base: InstructionBase): HealthcheckInstruction {
  const [written, ...rest] = node.words;
  if (written === undefined) throw atLeastOne('HEALTHCHECK');
  const kind = written.toUpperCase();
  if (kind === 'NONE') {
    if (rest.length > 0) throw invalid('HEALTHCHECK NONE takes no arguments');
    return { ...base, name: 'HEALTHCHECK', check: undefined };
  }
  const flags = parseFlags(node.flags, FLAGS);
  if (kind !== 'CMD') throw invalid(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (rest.length === 0) throw invalid('Missing command after HEALTHCHECK CMD');
  const duration = (name: keyof typeof FLAGS) => checkedDuration(name, flags.text(name));
  return {
    ...base,
    name: 'HEALTHCHECK',
    check: {
      command: node.json ? { shell: false, words: rest } : { shell: true, text: rest.join(' ') },
      interval: duration('interval'),
      timeout: duration('timeout'),
      startPeriod: duration('start-period'),
      startInterval: duration('start-interval'),
      retries: checkedRetries(flags.text('retries')),
    },
  };
}

function checkedDuration(flag: string, text: string | undefined): number {
  if (!text) return 0;
  const nanoseconds = parseDuration(text);
  if (nanoseconds !== 0 && nanoseconds < MINIMUM) throw invalid(`Interval ${JSON.stringify(flag)} cannot be less than 1ms`);
  return nanoseconds;
}

function checkedRetries(text: string | undefined): number {
  if (!text) return 0;
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const retries = Number(text);
  if (Math.abs(retries) > 0x7fffffff) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  if (retries < 0) throw invalid(`--retries cannot be negative (${retries})`);
  return retries;
}
