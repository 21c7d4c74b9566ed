import type { CopyInstruction } from '../dockerfile/dockerfile.ts';
import { destinationPath } from './paths.ts';
import type { CopyWork, FileSource } from './plan.ts';

export interface CopySurroundings {
  expand: (text: string) => string;
  sourceOf: (from: string | undefined) => FileSource;
  workingDirectory: string;
}

/** COPY and ADD with their variables put in. */
export function evaluateCopy(instruction: CopyInstruction, around: CopySurroundings): { createdBy: string; work: CopyWork } {
  const { expand } = around;
  const optional = (text: string | undefined) => (text === undefined ? undefined : expand(text));
  const paths = instruction.sources.map(expand);
  const written = expand(instruction.destination);
  const work: CopyWork = {
    kind: 'copy',
    instruction: instruction.name,
    source: around.sourceOf(instruction.from),
    paths,
    heredocs: instruction.heredocs.map((one) => (one.expand ? { ...one, content: expand(one.content) } : one)),
    destination: destinationPath(around.workingDirectory, written),
    chown: optional(instruction.chown),
    chmod: optional(instruction.chmod),
    link: instruction.link,
    parents: instruction.parents,
    exclude: instruction.exclude.map(expand),
    unpack: instruction.unpack,
    checksum: optional(instruction.checksum),
    keepGitDir: instruction.keepGitDir,
  };
  const flags = [
    ...(work.parents ? ['--parents'] : []),
    ...(work.chown === undefined ? [] : [`--chown=${work.chown}`]),
    ...(work.chmod === undefined ? [] : [`--chmod=${work.chmod}`]),
    ...(work.link ? ['--link'] : []),
  ];
  const sources = [...work.paths, ...work.heredocs.map(({ name }) => `<<${name}`)];
  return { createdBy: [instruction.name, ...flags, ...sources, written, '# buildkit'].join(' '), work };
}
