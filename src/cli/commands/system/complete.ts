import type { EngineClient } from '../../client/index.ts';
import type { Command, Entry } from '../../command.ts';
import { listContexts } from '../../config/index.ts';
import type { Completes, FlagSpec } from '../../flags/index.ts';
import { GLOBAL_FLAGS } from '../../globals.ts';
import type { Session } from '../../session.ts';

/** One thing that may stand at the cursor. */
interface Offer {
  readonly word: string;
  readonly about: string;
}

/** Told to the shell scripts in the last line: complete file names, folder names, or nothing more. */
type Rest = 'files' | 'directories' | 'none';

interface Answer {
  readonly offers: readonly Offer[];
  readonly rest: Rest;
}

const offer = (word: string, about = ''): Offer => ({ word, about });
const nothing: Answer = { offers: [], rest: 'none' };

async function fromEngine(client: EngineClient, what: Completes): Promise<Offer[]> {
  if (what === 'containers' || what === 'running') {
    const list = await client.json<{ Names: string[]; Status: string }[]>('GET', '/containers/json', {
      query: { all: what === 'containers' || undefined },
    });
    return list.map((one) => offer((one.Names[0] ?? '').slice(1), one.Status));
  }
  if (what === 'images') {
    const list = await client.json<{ RepoTags: string[] | null }[]>('GET', '/images/json');
    return list.flatMap((one) => one.RepoTags ?? []).map((name) => offer(name.replace(/:latest$/, '')));
  }
  if (what === 'volumes')
    return ((await client.json<{ Volumes: { Name: string }[] | null }>('GET', '/volumes')).Volumes ?? []).map((one) => offer(one.Name));
  return (await client.json<{ Name: string; Driver: string }[]>('GET', '/networks')).map((one) => offer(one.Name, one.Driver));
}

async function things(session: Session, what: Completes | undefined): Promise<Answer> {
  if (what === undefined) return nothing;
  if (what === 'files' || what === 'directories') return { offers: [], rest: what };
  if (what === 'contexts')
    return { offers: [offer('default'), ...listContexts(session.settings.folder).map((one) => offer(one.Name))], rest: 'none' };
  try {
    return { offers: await fromEngine(await session.client(), what), rest: 'none' };
  } catch {
    // A prompt is no place for an error about an engine that does not answer.
    return nothing;
  }
}

const words = (entries: readonly Entry[]) =>
  entries.filter((entry) => !entry.name.startsWith('_')).map((entry) => offer(entry.name, entry.summary));

const flagOffers = (flags: readonly FlagSpec[]) => flags.filter((flag) => !flag.hidden).map((flag) => offer(`--${flag.name}`, flag.help));

/** The flag whose value stands at the cursor: the word before is a flag that takes one. */
function awaiting(flags: readonly FlagSpec[], before: string | undefined): FlagSpec | undefined {
  if (before === undefined || !before.startsWith('-') || before.includes('=')) return undefined;
  return flags.find(
    (flag) => flag.kind !== 'bool' && (before === `--${flag.name}` || (flag.short !== undefined && before === `-${flag.short}`)),
  );
}

async function atFlagValue(session: Session, flag: FlagSpec): Promise<Answer> {
  if (flag.choices) return { offers: flag.choices.map((choice) => offer(choice)), rest: 'none' };
  return things(session, flag.completes);
}

/** Arguments that are no flags and no values of flags. */
function plainWords(flags: readonly FlagSpec[], given: readonly string[]): string[] {
  return given.filter((word, i) => !word.startsWith('-') && !awaiting(flags, given[i - 1]));
}

/** What may stand at the cursor, after the words `given`. */
async function complete(session: Session, given: readonly string[], current: string): Promise<Answer> {
  let entries = session.commands;
  let at = 0;
  while (given[at]?.startsWith('-')) at += awaiting(GLOBAL_FLAGS, given[at]) ? 2 : 1;
  const pending = awaiting(GLOBAL_FLAGS, given.at(-1));
  if (at > given.length - 1 && pending) return atFlagValue(session, pending);
  for (;;) {
    const word = given[at];
    if (word === undefined)
      return { offers: current.startsWith('-') && entries === session.commands ? flagOffers(GLOBAL_FLAGS) : words(entries), rest: 'none' };
    const entry = entries.find((one) => one.name === word || one.aliases?.includes(word));
    if (!entry) return nothing;
    at += 1;
    if (!entry.children) return inCommand(session, (await entry.load?.())?.default, given.slice(at), current);
    const { flags = [] } = entry;
    while (given[at]?.startsWith('-') && flags.length > 0) at += awaiting(flags, given[at]) ? 2 : 1;
    const open = at > given.length - 1 ? awaiting(flags, given.at(-1)) : undefined;
    if (open) return atFlagValue(session, open);
    if (given[at] === undefined && current.startsWith('-')) return { offers: flagOffers(flags), rest: 'none' };
    entries = entry.children;
  }
}

async function inCommand(session: Session, command: Command | undefined, given: readonly string[], current: string): Promise<Answer> {
  if (!command) return nothing;
  const flag = awaiting(command.flags, given.at(-1));
  if (flag) return atFlagValue(session, flag);
  const count = plainWords(command.flags, given).length;
  if (command.stopAtArgument && count > 0) return { offers: [], rest: 'files' };
  if (current.startsWith('-')) return { offers: flagOffers(command.flags), rest: 'none' };
  return count < command.args[1] ? things(session, command.completes) : nothing;
}

const command: Command = {
  usage: 'WORD...',
  about: 'Prints what may stand at the cursor, for the completion scripts.',
  flags: [],
  args: [0, Number.POSITIVE_INFINITY],
  stopAtArgument: true,
  async run(session, _flags, given) {
    const current = given.at(-1) ?? '';
    const answer = await complete(session, given.slice(0, -1), current);
    const fitting = answer.offers.filter((one) => one.word.startsWith(current));
    session.out(fitting.map((one) => `${one.word}\t${one.about}\n`).join(''));
    session.out(`:${answer.rest}\n`);
  },
};
export default command;
