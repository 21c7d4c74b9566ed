import type { Command } from '../../command.ts';
import { bool, formatFlag, text } from '../../flags/index.ts';
import { ago, decimalSize, ellipsis, localRfc3339, shortId } from '../../format/index.ts';
import { platformJson } from '../../format/platform.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { imagePath } from '../each.ts';

interface Step {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Size: number;
  readonly Comment: string;
}

const HEADERS = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
};
const COMMAND_WIDTH = 45;

function stepRow(step: Step, truncate: boolean, human: boolean, now: number): Row {
  const command = step.CreatedBy.replaceAll('\t', ' ');
  return new Row('historyContext', {
    ID: () => (truncate ? shortId(step.Id) : step.Id),
    CreatedSince: () => (human ? (step.Created <= -62135596800 ? 'N/A' : ago(step.Created * 1000, now)) : localRfc3339(step.Created)),
    CreatedAt: () => localRfc3339(step.Created),
    CreatedBy: () => (truncate ? ellipsis(command, COMMAND_WIDTH) : command),
    Size: () => (human ? decimalSize(step.Size) : String(step.Size)),
    Comment: () => step.Comment,
  });
}

const command: Command = {
  usage: '[OPTIONS] IMAGE',
  flags: [
    formatFlag(),
    bool('human', 'Print sizes and times for people', { short: 'H', default: 'true' }),
    bool('no-trunc', 'Show ids and commands at full length'),
    text('platform', 'Platform of the image (os/arch[/variant])'),
    bool('quiet', 'Print ids only', { short: 'q' }),
  ],
  args: [1, 1],
  completes: 'images',
  async run(session, flags, [name = '']) {
    const human = flags.bool('human');
    const builtIn = `{{.ID}}\t{{${human ? '.CreatedSince' : '.CreatedAt'}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
    const format = flags.bool('quiet') ? readFormat('{{.ID}}', '') : readFormat(flags.text('format'), builtIn);
    const client = await session.client();
    const platform = flags.text('platform') ? platformJson(flags.text('platform')) : undefined;
    const steps = await client.json<Step[]>('GET', imagePath(name, '/history'), { query: { platform } });
    const now = session.clock.now();
    const truncate = !flags.bool('no-trunc');
    printListing(
      session,
      format,
      steps.map((step) => stepRow(step, truncate, human, now)),
      HEADERS,
      truncate,
    );
  },
};
export default command;
