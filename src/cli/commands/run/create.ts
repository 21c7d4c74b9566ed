import type { Command } from '../../command.ts';
import { CREATE_FLAGS } from '../../create/index.ts';
import { asRunFailure, createContainer } from './create-container.ts';

const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  about: 'Makes a container and prints its id. `gantry start` runs it.',
  flags: CREATE_FLAGS,
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'images',
  stopAtArgument: true,
  async run(session, flags, [image = '', ...words]) {
    try {
      const { id } = await createContainer(session, flags, image, words);
      session.out(`${id}\n`);
    } catch (error) {
      throw asRunFailure(error, 'create');
    }
  },
};
export default command;
