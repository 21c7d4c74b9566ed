/** One line of .dockerignore. */
interface Rule {
  readonly exclude: boolean;
  readonly pattern: RegExp;
  /** The pattern's own text, to know whether an exception could lie below a left-out folder. */
  readonly text: string;
}

/** A pattern of Go's filepath.Match with `**` for any number of folders, as a regular expression for a whole path. */
function toRegExp(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const c = pattern[at] ?? '';
    if (c === '*' && pattern[at + 1] === '*') {
      at += 1;
      if (pattern[at + 1] === '/') {
        at += 1;
        source += '(?:.*/)?';
      } else source += '.*';
    } else if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '[') {
      const end = pattern.indexOf(']', at + 1);
      if (end < 0) source += '\\[';
      else {
        source += `[${pattern.slice(at + 1, end).replaceAll('\\', '\\\\')}]`;
        at = end;
      }
    } else if (c === '\\' && at + 1 < pattern.length) {
      at += 1;
      source += `\\${pattern[at]}`.replace(/\\(\w)/, '$1');
    } else source += c.replace(/[.+^${}()|\]]/g, '\\$&');
  }
  return new RegExp(`^${source}(?:/.*)?$`);
}

function clean(line: string): string {
  const parts: string[] = [];
  for (const part of line.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** What a .dockerignore leaves out of a build context: the last line that matches a path decides. */
export class IgnoreRules {
  readonly #rules: readonly Rule[];

  constructor(text: string) {
    this.#rules = text
      .replace(/^\ufeff/, '')
      .split(/\r?\n/)
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.trim())
      .filter((line) => line !== '' && line !== '!')
      .map((line) => {
        const exclude = !line.startsWith('!');
        const cleaned = clean(exclude ? line : line.slice(1).trim());
        return { exclude, text: cleaned, pattern: toRegExp(cleaned) };
      })
      .filter((rule) => rule.text !== '');
  }

  leavesOut(relative: string): boolean {
    let out = false;
    for (const rule of this.#rules) if (rule.pattern.test(relative)) out = rule.exclude;
    return out;
  }

  /** Whether an exception (`!…`) may bring back something below the left-out folder `relative`. */
  mayBringBack(relative: string): boolean {
    return this.#rules.some(
      (rule) =>
        !rule.exclude &&
        (rule.text.startsWith('*') ||
          rule.text.startsWith(`${relative}/`) ||
          rule.text.split('/')[0]?.includes('*') ||
          relative.startsWith(rule.text.split(/[*?[]/)[0] ?? '')),
    );
  }
}
