import { homedir } from 'node:os';
import path from 'node:path';
import { VERSION } from './about.ts';
import { EngineClient, NEWEST_API } from './client/index.ts';
import type { Command, Entry } from './command.ts';
import { TREE } from './commands/tree.ts';
import { chooseEndpoint, Settings } from './config/index.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import { closest, type Flags, parseFlags } from './flags/index.ts';
import { GLOBAL_FLAGS } from './globals.ts';
import { commandPage, frontPage, groupPage } from './help.ts';
import type { Session, Surroundings } from './session.ts';

const visible = (entries: readonly Entry[]) => entries.filter((entry) => !entry.name.startsWith('_'));

interface Found {
  readonly path: string;
  readonly entry: Entry;
  readonly rest: readonly string[];
  /** Flags of the group that the command is in. */
  readonly leading?: Flags;
}

/** Follows the words of the command line into the tree. Throws `CommandFailure` for an unknown word. */
function find(words: readonly string[]): Found {
  let entries = TREE;
  let at = 0;
  let where = 'gantry';
  for (;;) {
    const word = words[at] ?? '';
    const entry = entries.find((one) => one.name === word || one.aliases?.includes(word));
    if (!entry) throw unknownWord(where, word, entries);
    at += 1;
    where += ` ${entry.name}`;
    if (entry.children && entry.flags) return findInGroup(entry, where, words.slice(at));
    const next = words[at];
    if (!entry.children || next === undefined || next.startsWith('-')) return { path: where, entry, rest: words.slice(at) };
    entries = entry.children;
  }
}

/** A group with flags of its own between its name and the next word. */
function findInGroup(entry: Entry, where: string, words: readonly string[]): Found {
  const { flags, args, help } = parseFlags(entry.flags ?? [], words, { stopAtArgument: true });
  const [word, ...rest] = args;
  if (help || word === undefined || word === 'help') return { path: where, entry, rest: [] };
  const child = entry.children?.find((one) => one.name === word || one.aliases?.includes(word));
  if (!child) throw unknownWord(where, word, entry.children ?? []);
  return { path: `${where} ${child.name}`, entry: child, rest, leading: flags };
}

function unknownWord(where: string, word: string, entries: readonly Entry[]): CommandFailure {
  if (word.startsWith('-')) return new UsageFailure(`unknown flag: ${word}\n\nRun '${where} --help' for more information`);
  const near = closest(
    word,
    visible(entries).flatMap((entry) => [entry.name, ...(entry.aliases ?? [])]),
  );
  const hint = near ? `\n\nDid you mean '${where} ${near}'?` : '';
  return new CommandFailure(`gantry: unknown command: ${where} ${word}${hint}\n\nRun '${where} --help' for more information`);
}

/** Docker's sentence about too few or too many arguments, or undefined when the number is right. */
function argumentFault(where: string, command: Command, count: number): string | undefined {
  const [least, most] = command.args;
  const many = (n: number) => `${n} argument${n === 1 ? '' : 's'}`;
  if (count >= least && count <= most) return undefined;
  if (most === 0) return `'${where}' accepts no arguments`;
  if (least === most) return `'${where}' requires ${many(least)}`;
  if (most === Number.POSITIVE_INFINITY) return `'${where}' requires at least ${many(least)}`;
  if (least === 0) return `'${where}' requires at most ${many(most)}`;
  return `'${where}' requires at least ${least} and at most ${many(most)}`;
}

const usageLine = (where: string, command: Command) =>
  `Usage:  ${`${where} ${command.usage}`.trim()}\n\nRun '${where} --help' for more information`;

/** Makes the session that commands work with. The engine is not touched until a command asks for it. */
function openSession(around: Surroundings, globals: Flags, leading: Flags | undefined): Session & { close(): void } {
  const folder = globals.given('config')
    ? globals.text('config')
    : (around.env.DOCKER_CONFIG ?? path.join(around.env.HOME ?? homedir(), '.docker'));
  const settings = new Settings(folder);
  let connecting: Promise<EngineClient> | undefined;
  let connected: EngineClient | undefined;
  const endpoint = () => chooseEndpoint(globals, around.env, settings);
  return {
    ...around,
    commands: TREE,
    settings,
    globals,
    leading,
    get engineAddress() {
      return endpoint().address;
    },
    client() {
      connecting ??= EngineClient.connect(
        endpoint(),
        { 'User-Agent': `Gantry-Client/${VERSION} (linux)`, ...settings.file.HttpHeaders },
        around.env.DOCKER_API_VERSION || undefined,
      ).then((client) => {
        connected = client;
        return client;
      });
      return connecting;
    },
    out: (text) => void around.stdout.write(text),
    err: (text) => void around.stderr.write(text),
    close: () => connected?.close(),
  };
}

async function runFound(session: Session, found: Found): Promise<number> {
  const { entry, path: where } = found;
  if (entry.children) {
    const wrong = found.rest.find((word) => word.startsWith('-') && word !== '--help' && word !== '-h');
    if (wrong) throw new UsageFailure(`unknown flag: ${wrong}\n\nUsage:  ${where} COMMAND\n\nRun '${where} --help' for more information`);
    session.out(groupPage(where, entry));
    return 0;
  }
  const command = (await entry.load?.())?.default;
  if (!command) throw new Error(`${where} has no command behind it`);
  let parsed: ReturnType<typeof parseFlags>;
  try {
    parsed = parseFlags(command.flags, found.rest, { stopAtArgument: command.stopAtArgument ?? false });
  } catch (error) {
    if (error instanceof UsageFailure) throw new CommandFailure(`${error.message}\n\n${usageLine(where, command)}`, error.code);
    throw error;
  }
  if (parsed.help) {
    session.out(commandPage(where, entry, command));
    return 0;
  }
  const fault = argumentFault(where, command, parsed.args.length);
  if (fault) throw new CommandFailure(`gantry: ${fault}\n\n${usageLine(where, command)}`);
  return (await command.run(session, parsed.flags, parsed.args)) ?? 0;
}

async function dispatch(around: Surroundings): Promise<number> {
  const { flags: globals, args: words, help } = parseFlags(GLOBAL_FLAGS, around.args, { stopAtArgument: true });
  if (globals.bool('version')) {
    around.stdout.write(`Gantry version ${VERSION}, API ${NEWEST_API}\n`);
    return 0;
  }
  if (help || words.length === 0 || (words[0] === 'help' && words.length === 1)) {
    around.stdout.write(frontPage(visible(TREE)));
    return 0;
  }
  const found = find(words[0] === 'help' ? [...words.slice(1), '--help'] : words);
  const session = openSession(around, globals, found.leading);
  try {
    return await runFound(session, found);
  } finally {
    session.close();
  }
}

/** Runs one command line. Resolves to the exit code; every failure has been told on stderr by then. */
export async function runGantry(around: Surroundings): Promise<number> {
  try {
    return await dispatch(around);
  } catch (error) {
    if (error instanceof UsageFailure)
      around.stderr.write(
        `${error.message}\n${error.message.includes('\n\nRun ') ? '' : "\nUsage:  gantry [OPTIONS] COMMAND\n\nRun 'gantry --help' for more information\n"}`,
      );
    else if (error instanceof CommandFailure) around.stderr.write(error.message === '' ? '' : `${error.message}\n`);
    else
      around.stderr.write(
        `gantry: ${error instanceof Error ? error.message : String(error)}\n${around.env.GANTRY_DEBUG && error instanceof Error ? `${error.stack}\n` : ''}`,
      );
    return error instanceof CommandFailure ? error.code : 1;
  }
}
