import { EngineRefusal, indentJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { text } from '../../flags/index.ts';
import { goTime } from '../../format/index.ts';
import { bold, dim, wantsColour } from '../../terminal/colour.ts';

/** The reply of GET /gantry/why. */
interface Explanation {
  readonly subject: string;
  readonly state: string;
  readonly summary: string;
  readonly decisions: readonly { readonly time: string; readonly what: string; readonly why: string }[];
}

const command: Command = {
  usage: '[OPTIONS] CONTAINER|NETWORK|disk',
  about:
    'Tells why a container or a network is in the state it is in: what the engine decided, when, and what made it do so.\n' +
    "With 'disk': who uses the disk, what its budget is, and what was collected to keep it. A container of that name is /disk.",
  flags: [text('format', "Print 'json' instead of text", { short: 'f', choices: ['json'] })],
  args: [1, 1],
  completes: 'containers',
  async run(session, flags, [name = '']) {
    const format = flags.text('format');
    if (format !== '' && format !== 'json')
      throw new CommandFailure(`invalid --format ${JSON.stringify(format)}: why prints text, or 'json'`);
    const client = await session.client();
    const reply = await client.text('GET', '/gantry/why', { query: { name } }).catch((error: unknown) => {
      // Only Gantry keeps reasons; another engine does not know the path at all.
      if (error instanceof EngineRefusal && error.status === 404 && /page not found/i.test(error.reason))
        throw new CommandFailure(`the engine at ${client.address} is not Gantry and keeps no reasons`, 1, error);
      throw error;
    });
    if (format === 'json') {
      session.out(`${indentJson(reply, '    ')}\n`);
      return;
    }
    const { subject, state, summary, decisions } = JSON.parse(reply) as Explanation;
    const colour = wantsColour(session.stdout, session.env);
    const [strong, faint] = colour ? [bold, dim] : [(s: string) => s, (s: string) => s];
    session.out(`${strong(`${subject}: ${state}`)}\n${summary ? `${summary}\n` : ''}`);
    for (const { time, what, why } of decisions)
      session.out(`  ${faint(goTime(time).slice(0, 19))}  ${what}${why ? ` ${faint('because')} ${why}` : ''}\n`);
  },
};
export default command;
