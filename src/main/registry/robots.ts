import { invalid, systemClock } from '../../base/index.ts';
import { addRobot, ROBOT, type Robot, removeRobot } from '../../registry/index.ts';
import type { Store } from '../../store/index.ts';
import { parseDuration } from './access-options.ts';
import { ROBOT_HELP } from './help.ts';
import { joined, printDone, printRows, timeOf } from './output.ts';
import { COMMON, openAccounts, RIGHTS, readWords, rightsOf, theName } from './words.ts';

const OPTIONS = { ...COMMON, ...RIGHTS, expires: { type: 'string' }, description: { type: 'string' } } as const;
const VERBS = ['add', 'rm', 'ls'];

/** `gantry registry robot …`: tokens for machines. */
export async function runRobotCommand(args: readonly string[]): Promise<number> {
  const { values, verb, names, json } = readWords('robot', VERBS, args, OPTIONS);
  if (values.help || verb === '') {
    process.stdout.write(ROBOT_HELP);
    return 0;
  }
  await using store = await openAccounts(values.root);
  if (verb === 'ls') {
    await list(store, json);
    return 0;
  }
  const name = theName('robot', verb, names);
  if (verb === 'rm') {
    await removeRobot(store, name);
    printDone(name, json);
    return 0;
  }
  const { repositories, actions = ['pull'] } = rightsOf(values);
  if (!repositories) throw invalid('a robot needs --repository: what it is for', "For all repositories write --repository '**'.");
  const now = systemClock().now();
  const life = values.expires === undefined ? '90d' : values.expires;
  const expiresAt = life === 'never' ? {} : { expiresAt: now + parseDuration('expires', life) };
  const about = values.description === undefined ? {} : { description: values.description };
  const token = await addRobot(store, name, { repositories, actions, ...expiresAt, ...about }, now);
  if (json) printDone(name, json, { token, expires: timeOf(expiresAt.expiresAt, 'never') });
  else {
    process.stdout.write(`${token}\n`);
    process.stderr.write(
      `This token is the password of ${name}. It is shown this once; its end: ${timeOf(expiresAt.expiresAt, 'never')}\n`,
    );
  }
  return 0;
}

async function list(store: Store, json: boolean): Promise<void> {
  const now = systemClock().now();
  const rows = (await store.list<Robot>(ROBOT)).rows.map(({ id, value: { secret: _, createdAt, expiresAt, ...robot } }) => ({
    name: id,
    ...robot,
    created: timeOf(createdAt, '-'),
    expires: timeOf(expiresAt, 'never'),
    expired: expiresAt !== undefined && expiresAt <= now,
  }));
  await printRows(rows, json, {
    NAME: ({ name }) => name,
    REPOSITORIES: ({ repositories }) => joined(repositories),
    ACTIONS: ({ actions }) => joined(actions),
    CREATED: ({ created }) => created,
    EXPIRES: ({ expires, expired }) => `${expires}${expired ? ' (expired)' : ''}`,
    DESCRIPTION: ({ description }) => description ?? '',
  });
}
