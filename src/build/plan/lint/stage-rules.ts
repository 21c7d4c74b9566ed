import { tryParseReference } from '../../../images/index.ts';
import type { Dockerfile, Instruction, Stage } from '../../dockerfile/dockerfile.ts';
import { type Expanded, expandWord } from '../../dockerfile/expand.ts';
import { suggest } from '../../dockerfile/suggest.ts';
import { parsePlatform } from '../platform.ts';
import type { Linter } from './linter.ts';

/** Rules about the text as a whole: names and letter case. */
export function checkFile(dockerfile: Dockerfile, linter: Linter | undefined): void {
  if (!linter) return;
  for (const line of dockerfile.emptyContinuations)
    linter.report('NoEmptyContinuation', 'Empty continuation line', { start: line, end: line });
  for (const argument of dockerfile.globalArguments)
    checkDescription(
      'ARG',
      argument.arguments.map(({ key }) => key),
      argument,
      linter,
    );
  for (const stage of dockerfile.stages) {
    checkStageCase(stage, linter);
    for (const instruction of stage.instructions) {
      if (instruction.name === 'MAINTAINER')
        linter.report(
          'MaintainerDeprecated',
          'Maintainer instruction is deprecated in favor of using label',
          instruction.range,
          instruction.comments,
        );
      if (instruction.name === 'ARG')
        checkDescription(
          'ARG',
          instruction.arguments.map(({ key }) => key),
          instruction,
          linter,
        );
    }
  }
  checkStageNames(dockerfile.stages, linter);
  checkKeywords(dockerfile.stages, linter);
}

function checkStageCase(stage: Stage, linter: Linter): void {
  const { writtenName, name, keyword, asKeyword, range, comments } = stage;
  if (writtenName !== name) linter.report('StageNameCasing', `Stage name '${writtenName}' should be lowercase`, range, comments);
  const wanted =
    keyword === keyword.toLowerCase() ? asKeyword.toLowerCase() : keyword === keyword.toUpperCase() ? asKeyword.toUpperCase() : asKeyword;
  if (asKeyword !== wanted) linter.report('FromAsCasing', `'${asKeyword}' and '${keyword}' keywords' casing do not match`, range, comments);
  if (name !== '') checkDescription('FROM', [name], stage, linter);
}

function checkDescription(keyword: string, names: string[], at: Pick<Stage, 'comments' | 'range'>, linter: Linter): void {
  const [first] = names;
  const comment = at.comments.at(-1);
  if (comment === undefined || first === undefined || names.includes(comment.split(' ')[0]!)) return;
  const example = names.length > 1 ? '<arg_key>' : first;
  linter.report(
    'InvalidDefinitionDescription',
    `Comment for ${keyword} should follow the format: \`# ${example} <description>\``,
    at.range,
    at.comments,
  );
}

function checkStageNames(stages: readonly Stage[], linter: Linter): void {
  const seen = new Set<string>();
  for (const { name, range } of stages) {
    if (name === '') continue;
    if (name === 'context' || name === 'scratch')
      linter.report('ReservedStageName', `Stage name should not use the same name as reserved stage "${name}"`, range);
    if (seen.has(name)) linter.report('DuplicateStageName', `Duplicate stage name "${name}", stage names should be unique`, range);
    seen.add(name);
  }
}

function checkKeywords(stages: readonly Stage[], linter: Linter): void {
  const all: (Stage | Instruction)[] = stages.flatMap((stage) => [stage, ...stage.instructions]);
  const lower = all.filter(({ keyword }) => keyword === keyword.toLowerCase()).length;
  const upper = all.filter(({ keyword }) => keyword === keyword.toUpperCase()).length;
  for (const { keyword, range } of all) {
    const correct = lower > upper ? 'lowercase' : 'uppercase';
    if (keyword !== (lower > upper ? keyword.toLowerCase() : keyword.toUpperCase()))
      linter.report(
        'ConsistentInstructionCasing',
        `Command '${keyword}' should match the case of the command majority (${correct})`,
        range,
      );
  }
}

/** FROM with no argument given must name an image still. */
export function checkDefaultBases(dockerfile: Dockerfile, defaults: ReadonlyMap<string, string>, linter: Linter | undefined): void {
  if (!linter) return;
  for (const { base, range } of dockerfile.stages) {
    const name = expandWord(base, defaults, { escape: dockerfile.escape }).text;
    if (!tryParseReference(name))
      linter.report('InvalidDefaultArgInFrom', `Default value for ARG ${base} results in empty or invalid base image name`, range);
  }
}

export function checkFrom(
  stage: Stage,
  base: Expanded,
  platform: Expanded | undefined,
  globals: ReadonlyMap<string, string>,
  dockerfile: Dockerfile,
  linter: Linter | undefined,
): void {
  if (!linter) return;
  const { range, comments } = stage;
  const known = new Set([...globals.keys(), ...dockerfile.globalArguments.flatMap((one) => one.arguments.map(({ key }) => key))]);
  for (const name of [...base.missing, ...(platform?.missing ?? [])]) {
    if (known.has(name)) continue;
    const meant = suggest(name, known);
    linter.report(
      'UndefinedArgInFrom',
      `FROM argument '${name}' is not declared${meant ? ` (did you mean ${meant}?)` : ''}`,
      range,
      comments,
    );
  }
  if (!platform) return;
  if (
    platform.used.size === 1 &&
    platform.missing.size === 0 &&
    platform.used.has('TARGETPLATFORM') &&
    platform.text === globals.get('TARGETPLATFORM')
  )
    linter.report(
      'RedundantTargetPlatform',
      `Setting platform to predefined ${stage.platform} in FROM is redundant as this is the default behavior`,
      range,
      comments,
    );
  if (platform.used.size + platform.missing.size === 0 && !namesPlatform(stage.name, platform.text))
    linter.report(
      'FromPlatformFlagConstDisallowed',
      `FROM --platform flag should not use constant value "${platform.text}"`,
      range,
      comments,
    );
}

/** True also for what is no platform: that is an error, told elsewhere. */
function namesPlatform(stageName: string, text: string): boolean {
  try {
    const { os, architecture } = parsePlatform(text, text);
    return stageName.includes(os) || stageName.includes(architecture);
  } catch {
    return true;
  }
}
