import { invalid } from '../../base/index.ts';
import { commandOf } from './command.ts';
import type { InstructionBase, MountFlag, RunInstruction } from './dockerfile.ts';
import { parseFlags } from './flags.ts';
import type { Node } from './nodes.ts';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITIES = ['sandbox', 'insecure'] as const;

export function parseRun(node: Node, base: InstructionBase): RunInstruction {
  const flags = parseFlags(node.flags, { mount: 'texts', network: 'text', security: 'text', device: 'texts' });
  if (flags.texts('device').length > 0)
    throw invalid(`RUN --device=${flags.texts('device')[0]} is not supported: devices can't be given to a build step`);
  const network = NETWORKS.find((mode) => mode === (flags.text('network') ?? 'default'));
  if (!network) throw invalid(`invalid network mode ${JSON.stringify(flags.text('network'))}`);
  const security = SECURITIES.find((mode) => mode === (flags.text('security') ?? 'sandbox'));
  if (!security) throw invalid(`security ${JSON.stringify(flags.text('security'))} is not valid`);
  const mounts = flags.texts('mount').map(parseMountFlag);
  return { ...base, name: 'RUN', command: commandOf(node), heredocs: node.heredocs, mounts, network, security };
}

/** Takes `type=cache,target=/x` apart; which stage it needs must be known before any variable is. */
function parseMountFlag(text: string): MountFlag {
  const fields = csvFields(text).map((field) => {
    const at = field.indexOf('=');
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase();
    return { key, value: at < 0 ? undefined : field.slice(at + 1), text: field };
  });
  const from = fields.findLast(({ key, value }) => key === 'from' && value !== undefined)?.value;
  const dollar = from?.indexOf('$') ?? -1;
  if (from !== undefined && dollar >= 0 && dollar < from.length - 1)
    throw invalid("'from' doesn't support variable expansion, define alias stage instead");
  return { fields, from: from || undefined };
}

/** One line of comma-separated values (RFC 4180). */
function csvFields(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = '';
    if (text[at] === '"') {
      const start = ++at;
      for (; ; at++) {
        if (at >= text.length)
          throw invalid(`failed to parse csv mounts: parse error on line 1, column ${start}: extraneous or missing " in quoted-field`);
        if (text[at] === '"' && text[at + 1] !== '"') break;
        if (text[at] === '"') at++;
        field += text[at];
      }
      at++;
      if (at < text.length && text[at] !== ',')
        throw invalid(`failed to parse csv mounts: parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
    } else {
      const end = text.indexOf(',', at);
      field = text.slice(at, end < 0 ? undefined : end);
      at += field.length;
      if (field.includes('"')) throw invalid(`failed to parse csv mounts: parse error on line 1, column ${at}: bare " in non-quoted-field`);
    }
    fields.push(field);
    if (at >= text.length) return fields;
    at++;
  }
}
