import type { EngineClient } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { containerPath, imagePath } from '../each.ts';
import { INSPECT_FORMAT, inspectEach, isNotFound } from '../inspecting.ts';

type Fetch = (client: EngineClient, name: string, size: boolean) => Promise<string>;

/** Where each kind of object is read, in the order of the search. */
const KINDS: Record<string, Fetch> = {
  container: (client, name, size) => client.text('GET', containerPath(name, '/json'), { query: { size: size || undefined } }),
  image: (client, name) => client.text('GET', imagePath(name, '/json')),
  network: (client, name) => client.text('GET', `/networks/${encodeURIComponent(name)}`),
  volume: (client, name) => client.text('GET', `/volumes/${encodeURIComponent(name)}`),
};

async function search(client: EngineClient, name: string, size: boolean): Promise<string> {
  for (const fetch of Object.values(KINDS)) {
    try {
      return await fetch(client, name, size);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  throw new CommandFailure(`Error: No such object: ${name}`);
}

const command: Command = {
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  flags: [
    INSPECT_FORMAT,
    bool('size', 'Tell how much a container has written', { short: 's' }),
    text('type', 'Look only among these', { choices: Object.keys(KINDS) }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, flags, names) {
    const type = flags.text('type');
    const fetch = KINDS[type];
    if (type !== '' && !fetch)
      throw new CommandFailure(
        `unknown type: ${JSON.stringify(type)}: must be one of ${Object.keys(KINDS)
          .map((kind) => JSON.stringify(kind))
          .join(', ')}`,
      );
    if (flags.given('type') && type === '')
      throw new CommandFailure('type is empty: must be one of "container", "image", "network", "volume"');
    const client = await session.client();
    const size = flags.bool('size');
    await inspectEach(session, names, flags.text('format'), (name) => (fetch ? fetch(client, name, size) : search(client, name, size)));
  },
};
export default command;
