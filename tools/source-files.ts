import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One TypeScript file of the project; `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  path: string;
  text: string;
}

/** One import or re-export. `target` is a project path for relative specifiers, else undefined. */
export interface Import {
  specifier: string;
  target: string | undefined;
  /** True for `import type` and `export type`: nothing is left of it when the program runs. */
  typeOnly: boolean;
  line: number;
}

/** All `.ts` files under `folders` of `root`, sorted by path. A folder that does not exist has none. */
export function sourceFiles(root: string, folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => list(root, folder))
    .sort()
    .map((file) => ({ path: file, text: readFileSync(path.join(root, file), 'utf8') }));
}

function list(root: string, folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  const names = readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^;'"]*?\bfrom\s*)?['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** The imports of a formatted file: statements start their line, so text in strings and comments is not taken for one. */
export function importsOf(file: SourceFile): Import[] {
  const found = [...file.text.matchAll(STATEMENT)].map((match) => toImport(file, match.index, match[2] ?? '', match[1] !== undefined));
  const dynamic = [...file.text.matchAll(DYNAMIC)].map((match) => toImport(file, match.index, match[1] ?? '', false));
  return [...found, ...dynamic];
}

function toImport(file: SourceFile, index: number, specifier: string, typeOnly: boolean): Import {
  const target = specifier.startsWith('.') ? path.posix.normalize(path.posix.join(path.posix.dirname(file.path), specifier)) : undefined;
  return { specifier, target, typeOnly, line: file.text.slice(0, index).split('\n').length };
}
