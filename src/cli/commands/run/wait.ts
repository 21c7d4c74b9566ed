import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { containerPath, forEachName } from '../each.ts';

interface WaitReply {
  StatusCode: number;
  Error?: { Message?: string } | null;
}

const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  flags: [],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, _flags, names) {
    const client = await session.client();
    const wait = async (name: string) => {
      const reply = await client.json<WaitReply>('POST', containerPath(name, '/wait'));
      if (reply.Error?.Message) throw new CommandFailure(reply.Error.Message);
      session.out(`${reply.StatusCode}\n`);
    };
    await forEachName(session, names, wait, { atOnce: 1, silent: true });
  },
};
export default command;
