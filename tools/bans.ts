import type { SourceFile } from './source-files.ts';

interface Ban {
  pattern: RegExp;
  why: string;
}

const SHELL: readonly Ban[] = [
  { pattern: /\bshell:\s*true\b/g, why: 'a shell would read input as commands; give the program a list of arguments' },
  {
    pattern: /(?<![.\w])(?:child_process\.)?exec(?:Sync)?\(\s*`/g,
    why: 'a shell would read input as commands; give the program a list of arguments',
  },
  {
    pattern: /\(\s*['"](?:\/bin\/)?(?:ba|da)?sh['"],\s*\[\s*['"]-c['"],\s*(?:`[^`]*\$\{|[A-Za-z_])/g,
    why: "a shell string is built from input; pass values as arguments after '-c'",
  },
];

const DELETE: Ban = {
  pattern: /\brm(?:Sync)?\([^;]*?\brecursive:\s*true/g,
  why: 'a recursive delete goes through the guarded helper in src/host',
};

const KOFFI: Ban = { pattern: /['"]koffi['"]/g, why: "only src/host/kernel calls C functions: only there may 'koffi' be loaded" };

/** Complaints about shell strings anywhere, C functions outside src/host/kernel and recursive deletes outside the one guarded helper. Tests may clear their own folders. */
export function banComplaints(files: readonly SourceFile[]): string[] {
  const product = files.filter((file) => file.path.startsWith('src/') && !/\.test\.ts$|\/testing\//.test(file.path));
  // Tests feed shells with scripts of their own; the language of Dockerfiles has a shell form, and starts no processes.
  const shells = files
    .filter(({ path }) => !path.endsWith('.test.ts') && !/^src\/build\/(dockerfile|plan)\//.test(path))
    .flatMap((file) => SHELL.flatMap((ban) => hits(file, ban)));
  const helper = product.find((file) => file.path.startsWith('src/host/') && hits(file, DELETE).length > 0);
  const deletes = product.filter((file) => file !== helper).flatMap((file) => hits(file, DELETE));
  const foreign = files
    .filter(({ path }) => path.startsWith('src/') && !path.startsWith('src/host/kernel/'))
    .flatMap((file) => hits(file, KOFFI));
  return [...shells, ...foreign, ...deletes];
}

function hits(file: SourceFile, ban: Ban): string[] {
  return [...file.text.matchAll(ban.pattern)].map(
    (match) => `${file.path}:${file.text.slice(0, match.index).split('\n').length}: ${ban.why}`,
  );
}

/** A file over this many lines is worth a second look. */
const LONG = 300;
/** A file over this many lines fails the check. */
const TOO_LONG = 600;

export function sizeComplaints(files: readonly SourceFile[]): { warnings: string[]; complaints: string[] } {
  const sized = files.map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 }));
  const say = ({ path, lines }: { path: string; lines: number }) => `${path}: ${lines} lines; split it by noun`;
  return {
    warnings: sized.filter(({ lines }) => lines > LONG && lines <= TOO_LONG).map(say),
    complaints: sized.filter(({ lines }) => lines > TOO_LONG).map(say),
  };
}
