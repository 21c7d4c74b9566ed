import { GantryError, invalid } from '../../base/index.ts';
import { DockerfileError } from '../errors.ts';
import type { ArgInstruction, Dockerfile, Instruction, LintSettings, Stage } from './dockerfile.ts';
import { parseFlags } from './flags.ts';
import { descriptionOf, parseInstruction } from './instructions.ts';
import { located, readLines } from './lines.ts';
import { type Node, readNode } from './nodes.ts';

/**
 * Reads a Dockerfile. Whatever the bytes are, the only thing thrown is a `DockerfileError` with the lines at fault, and the time
 * is in proportion to their number.
 */
export function parseDockerfile(data: Uint8Array, filename = 'Dockerfile'): Dockerfile {
  try {
    return parse(data);
  } catch (error) {
    if (error instanceof DockerfileError) error.source ??= { filename, data };
    throw error;
  }
}

/** A trigger of ONBUILD, from an image or a stage. `range` is that of the FROM which brought it. */
export function parseTrigger(trigger: string, range: Stage['range']): Instruction {
  return located(range, () => {
    const { lines, escape: escapeToken } = triggerLines(trigger);
    if (lines.length !== 1) throw invalid('onbuild trigger should be a single expression');
    const node = readNode({ ...lines[0]!, range }, escapeToken);
    if (node.name === 'FROM') throw invalid("FROM isn't allowed as an ONBUILD trigger");
    return parseInstruction(node);
  });
}

function triggerLines(trigger: string) {
  try {
    return readLines(Buffer.from(trigger));
  } catch (error) {
    // Its own line numbers mean nothing to whoever reads the Dockerfile.
    throw error instanceof GantryError ? invalid(error.message) : error;
  }
}

function parse(data: Uint8Array): Dockerfile {
  const { read, nodes } = readNodes(data);
  const check = parseLintSettings(read.check ?? '');
  const globalArguments: ArgInstruction[] = [];
  const stages: (Omit<Stage, 'instructions'> & { instructions: Instruction[] })[] = [];
  for (const node of nodes) {
    const where = `dockerfile parse error on line ${node.range.start}: `;
    if (node.name === 'FROM') {
      stages.push(located(node.range, () => parseFrom(node, stages.length), where));
      continue;
    }
    const instruction = located(node.range, () => parseInstruction(node), where);
    const stage = stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (instruction.name === 'ARG') globalArguments.push(instruction);
    else throw new DockerfileError('no build stage in current context', [node.range]);
  }
  if (stages.length === 0) throw new DockerfileError('dockerfile contains no stages to build', []);
  const { syntax, emptyContinuations } = read;
  return { escape: read.escape, ...(syntax === undefined ? {} : { syntax }), check, globalArguments, stages, emptyContinuations };
}

function readNodes(data: Uint8Array) {
  try {
    if (data.length === 0) throw new DockerfileError('the Dockerfile cannot be empty', []);
    const read = readLines(data);
    return { read, nodes: read.lines.map((line) => located(line.range, () => readNode(line, read.escape))) };
  } catch (error) {
    if (error instanceof DockerfileError) error.unreadable = data.length === 0 ? 'empty' : 'malformed';
    throw error;
  }
}

function parseFrom(node: Node, index: number) {
  const [base = '', asKeyword = '', writtenName = ''] = node.words;
  const named = node.words.length === 3 && /^as$/i.test(asKeyword);
  const name = writtenName.toLowerCase();
  if (named && !/^[a-z][a-z0-9-_.]*$/.test(name))
    throw invalid(`invalid name for build stage: ${JSON.stringify(writtenName)}, name can't start with a number or contain symbols`);
  if (!named && node.words.length !== 1) throw invalid('FROM requires either one or three arguments');
  const platform = parseFlags(node.flags, { platform: 'text' }).text('platform') || undefined;
  const { keyword, text, range, comments } = node;
  const description = descriptionOf(comments, name);
  return { index, name, writtenName, keyword, asKeyword, base, platform, comments, description, text, range, instructions: [] };
}

/** Of `# check=…`; also used for comments above an instruction. */
export function parseLintSettings(text: string): LintSettings {
  const settings = { skip: [] as string[], skipAll: false, experimental: [] as string[], experimentalAll: false, error: false };
  const bad = (reason: string) => new DockerfileError(`failed to parse check options: ${reason}`, []);
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const at = part.indexOf('=');
    if (at < 0) throw bad(`invalid check option ${JSON.stringify(part)}`);
    const key = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    const names = value.split(',').map((name) => name.trim());
    if (key === 'skip' || key === 'experimental') {
      if (value === 'all') settings[`${key}All`] = true;
      else settings[key] = names;
    } else if (key !== 'error') throw bad(`invalid check option ${JSON.stringify(key)}`);
    else if (/^(1|t|true)$/i.test(value)) settings.error = true;
    else if (!/^(0|f|false)$/i.test(value)) throw bad(`failed to parse check option ${JSON.stringify(part)}: not a boolean`);
  }
  return settings;
}
