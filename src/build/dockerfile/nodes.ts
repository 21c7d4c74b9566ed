import type { SourceRange } from '../builder.ts';
import type { Heredoc, KeyValue } from './dockerfile.ts';
import type { LogicalLine } from './lines.ts';
import { BLANK, jsonWords, keyValues, quotedWords, splitCommand } from './words.ts';

/** An instruction taken apart into words, not understood yet. */
export interface Node {
  /** Upper case, and as written. */
  name: string;
  keyword: string;
  /** As written, continuation lines joined. */
  text: string;
  flags: readonly string[];
  words: readonly string[];
  /** Of ENV and LABEL. */
  pairs: readonly KeyValue[];
  /** The words came from a JSON list. */
  json: boolean;
  /** Of ONBUILD. */
  trigger?: Node;
  heredocs: readonly Heredoc[];
  range: SourceRange;
  comments: readonly string[];
}

type Words = Partial<Pick<Node, 'words' | 'pairs' | 'json' | 'trigger'>>;
type WordReader = (rest: string, line: LogicalLine, escapeToken: string) => Words;

const blankSeparated: WordReader = (rest) => ({ words: rest === '' ? [] : rest.split(BLANK) });
const wholeText: WordReader = (rest) => ({ words: rest === '' ? [] : [rest] });

const listOr =
  (other: WordReader): WordReader =>
  (rest, line, escapeToken) => {
    const words = jsonWords(rest);
    return words === undefined ? other(rest, line, escapeToken) : { words, json: true };
  };

const READERS: Record<string, WordReader> = {
  ADD: listOr(blankSeparated),
  COPY: listOr(blankSeparated),
  VOLUME: listOr(blankSeparated),
  CMD: listOr(wholeText),
  ENTRYPOINT: listOr(wholeText),
  RUN: listOr(wholeText),
  SHELL: listOr(wholeText),
  ARG: (rest, _line, escapeToken) => ({ words: quotedWords(rest, escapeToken) }),
  ENV: (rest, _line, escapeToken) => ({ pairs: keyValues(rest, 'ENV', escapeToken) }),
  LABEL: (rest, _line, escapeToken) => ({ pairs: keyValues(rest, 'LABEL', escapeToken) }),
  EXPOSE: blankSeparated,
  FROM: blankSeparated,
  MAINTAINER: wholeText,
  STOPSIGNAL: wholeText,
  USER: wholeText,
  WORKDIR: wholeText,
  HEALTHCHECK: healthcheckWords,
  ONBUILD: (rest, line, escapeToken) => (rest === '' ? {} : { trigger: readNode({ ...line, text: rest }, escapeToken, 1) }),
};

/** Errors are `invalid`, without a place. `depth` counts ONBUILDs around it. */
export function readNode(line: LogicalLine, escapeToken: string, depth = 0): Node {
  const { keyword, flags, rest } = splitCommand(line.text, escapeToken);
  const name = keyword.toUpperCase();
  // ONBUILD ONBUILD is refused anyway: there is no need to follow it down.
  const reader = Object.hasOwn(READERS, name) && !(name === 'ONBUILD' && depth > 0) ? READERS[name] : undefined;
  const { range, comments, heredocs } = line;
  return {
    name,
    keyword,
    text: line.text.trim(),
    flags,
    words: [],
    pairs: [],
    json: false,
    heredocs,
    range,
    comments,
    ...reader?.(rest, line, escapeToken),
  };
}

/** The kind first, then its command. */
function healthcheckWords(rest: string, line: LogicalLine, escapeToken: string): Words {
  if (rest === '') return {};
  const at = rest.search(/\s/);
  if (at < 0) return { words: [rest] };
  const command = listOr(wholeText)(rest.slice(at).trimStart(), line, escapeToken);
  return { ...command, words: [rest.slice(0, at), ...(command.words ?? [])] };
}
