import type { Command } from '../../command.ts';
import { containerPath } from '../each.ts';

const LETTERS = ['C', 'A', 'D'];

const command: Command = {
  usage: 'CONTAINER',
  about: 'Lists what changed since the container was made: A for added, C for changed, D for deleted.',
  flags: [],
  args: [1, 1],
  completes: 'containers',
  async run(session, _flags, [name = '']) {
    const client = await session.client();
    const changes = (await client.json<{ Kind: number; Path: string }[] | null>('GET', containerPath(name, '/changes'))) ?? [];
    session.out(changes.map((change) => `${LETTERS[change.Kind] ?? change.Kind} ${change.Path}\n`).join(''));
  },
};
export default command;
