import type { Command, Entry } from './command.ts';
import type { FlagSpec } from './flags/index.ts';
import { GLOBAL_FLAGS } from './globals.ts';

const WIDTH = 80;

const VALUE_WORD: Record<FlagSpec['kind'], string> = {
  bool: '',
  string: 'string',
  int: 'int',
  uint16: 'uint16',
  bytes: 'bytes',
  decimal: 'decimal',
  duration: 'duration',
  list: 'list',
  csv: 'strings',
  map: 'map',
  filter: 'filter',
};

/** `text` in lines of at most `width` columns. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function flagHead(flag: FlagSpec): string {
  const value = flag.value ?? VALUE_WORD[flag.kind];
  return `${flag.short ? `-${flag.short}, ` : '    '}--${flag.name}${value ? ` ${value}` : ''}`;
}

function flagText(flag: FlagSpec): string {
  const choices = flag.choices && !flag.help.includes('(') ? ` (${flag.choices.join(', ')})` : '';
  const shown =
    flag.default !== undefined && flag.default !== 'false'
      ? ` (default ${flag.kind === 'string' ? `"${flag.default}"` : flag.default})`
      : '';
  return flag.help + choices + shown;
}

function flagTable(flags: readonly FlagSpec[], title: string): string {
  const shown = flags.filter((flag) => !flag.hidden).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (shown.length === 0) return '';
  const column = Math.max(...shown.map((flag) => flagHead(flag).length)) + 5;
  const rows = shown.map((flag) => {
    const [first = '', ...rest] = wrap(flagText(flag), Math.max(30, WIDTH - column));
    const more = rest.map((line) => `\n${' '.repeat(column)}${line}`).join('');
    return `${`  ${flagHead(flag)}`.padEnd(column)}${first}${more}`;
  });
  return `\n${title}:\n${rows.join('\n')}\n`;
}

function entryTable(entries: readonly Entry[], title: string): string {
  if (entries.length === 0) return '';
  const column = Math.max(11, ...entries.map((entry) => entry.name.length)) + 1;
  return `\n${title}:\n${entries.map((entry) => `  ${entry.name.padEnd(column)}${entry.summary}`).join('\n')}\n`;
}

const closing = (name: string) => `\nRun '${name} COMMAND --help' for more information on a command.\n`;

/** The front page. */
export function frontPage(entries: readonly Entry[]): string {
  const section = (name: Entry['section']) => entries.filter((entry) => (entry.section ?? 'other') === name);
  return (
    `Usage:  gantry [OPTIONS] COMMAND\n\nRuns, watches and removes containers\n` +
    entryTable(section('common'), 'Common Commands') +
    entryTable(section('group'), 'Management Commands') +
    entryTable(section('other'), 'Commands') +
    flagTable(GLOBAL_FLAGS, 'Global Options') +
    closing('gantry')
  );
}

/** The page of a group such as `gantry container`. */
export function groupPage(path: string, entry: Entry): string {
  return `Usage:  ${path} COMMAND\n\n${entry.summary}\n${flagTable(entry.flags ?? [], 'Options')}${entryTable(entry.children ?? [], 'Commands')}${closing(path)}`;
}

/** The page of one command. */
export function commandPage(path: string, entry: Entry, command: Command): string {
  const names = [...new Set([path, ...(entry.alsoAs ?? [])])];
  const aliases = names.length > 1 ? `\nAliases:\n  ${names.join(', ')}\n` : '';
  return `Usage:  ${`${path} ${command.usage}`.trim()}\n\n${command.about ?? entry.summary}\n${aliases}${flagTable(command.flags, 'Options')}`;
}
