/** One way in that a registry offers (RFC 9110, section 11.6.1). Scheme and parameter names are in lower case. */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SPACE = /[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/** Parses one or several `WWW-Authenticate` fields. What cannot be understood ends the parsing; what came before it counts. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  const text = header ?? '';
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  for (;;) {
    take(/[ \t,]*/y);
    const word = take(TOKEN);
    if (word === undefined) return challenges;
    const afterWord = at;
    take(SPACE);
    const current = challenges.at(-1);
    // `name=value` belongs to the scheme before it; a word alone is the next scheme.
    if (text[at] !== '=' || !current) {
      at = afterWord;
      challenges.push({ scheme: word.toLowerCase(), parameters: {} });
      continue;
    }
    at += 1;
    take(SPACE);
    const value = text[at] === '"' ? take(QUOTED)?.replace(/\\(.)/g, '$1') : take(TOKEN);
    if (value === undefined) return challenges;
    current.parameters[word.toLowerCase()] = value;
  }
}
