import { invalid } from '../../base/index.ts';

export interface Route<T> {
  handler: T;
  parameters: Record<string, string>;
}

interface Candidate<T> {
  expression: RegExp;
  names: string[];
  handler: T;
}

/**
 * Method and path pattern to handler. `:name` stands for one segment, `*name` for one or more with their
 * slashes (image names). Routes are tried in the order in which they were added, among those with the same
 * method and first segment.
 */
export class Router<T> {
  #groups = new Map<string, Candidate<T>[]>();

  add(method: string, pattern: string, handler: T): void {
    const names: string[] = [];
    const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/([:*])([a-zA-Z]+)/g, (_, kind: string, name: string) => {
      names.push(name);
      return kind === ':' ? '([^/]+)' : '(.+)';
    });
    const key = groupKey(method, pattern);
    const group = this.#groups.get(key) ?? [];
    group.push({ expression: new RegExp(`^${source}$`, 's'), names, handler });
    this.#groups.set(key, group);
  }

  /** Fails with `invalid` when a parameter is not valid percent-encoding. */
  match(method: string, path: string): Route<T> | undefined {
    for (const candidate of this.#groups.get(groupKey(method, path)) ?? []) {
      const found = candidate.expression.exec(path);
      if (!found) continue;
      const parameters: Record<string, string> = {};
      candidate.names.forEach((name, index) => {
        parameters[name] = decode(found[index + 1] ?? '');
      });
      return { handler: candidate.handler, parameters };
    }
    return undefined;
  }
}

function groupKey(method: string, path: string): string {
  const end = path.indexOf('/', 1);
  return `${method} ${end === -1 ? path : path.slice(0, end)}`;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`invalid path: '${text}' is not valid percent-encoding`);
  }
}
