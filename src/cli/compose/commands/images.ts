import type { Command } from '../../command.ts';
import { imagePath } from '../../commands/each.ts';
import { bool, formatFlag } from '../../flags/index.ts';
import { decimalSize, shortId } from '../../format/index.ts';
import { parseReference } from '../../format/reference.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const HEADERS = { ContainerName: 'CONTAINER', Repository: 'REPOSITORY', Tag: 'TAG', Platform: 'PLATFORM', ID: 'IMAGE ID', Size: 'SIZE' };
const TABLE = '{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [formatFlag(), bool('quiet', 'Print ids only', { short: 'q' })],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const context = await openContext(session, openProjectOrName(session, services));
    const containers = await chooseContainers(context, services, true);
    if (flags.bool('quiet')) {
      session.out([...new Set(containers.map(({ imageId }) => imageId.replace('sha256:', '')))].map((id) => `${id}\n`).join(''));
      return 0;
    }
    const rows = await Promise.all(
      containers.map(async ({ name, image, imageId }) => {
        const facts = await context.api.client.json<{ Size: number; Os: string; Architecture: string }>('GET', imagePath(imageId, '/json'));
        const reference = image.startsWith('sha256:') ? undefined : parseReference(image);
        return new Row('imageContext', {
          ContainerName: () => name,
          Repository: () => reference?.familiar ?? '<none>',
          Tag: () => reference?.tag ?? (reference ? 'latest' : '<none>'),
          Platform: () => `${facts.Os}/${facts.Architecture}`,
          ID: () => shortId(imageId),
          Size: () => decimalSize(facts.Size),
        });
      }),
    );
    printListing(session, readFormat(flags.text('format'), TABLE), rows, HEADERS);
    return 0;
  },
};
export default command;
