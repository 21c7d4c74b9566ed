import { indentJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import { drawReport, type Report, SEVERITIES, shownFindings } from './scan-report.ts';

const FORMATS = ['table', 'json', 'cyclonedx', 'spdx'];

const command: Command = {
  usage: '[OPTIONS] IMAGE',
  about: 'Lists the software that package managers left in an image, and its known weaknesses by the advisory data that the engine has.',
  flags: [
    text('format', "How to print: 'table', 'json', 'cyclonedx' or 'spdx'", { choices: FORMATS, default: 'table' }),
    text('fail-on', 'End with code 2 when something is found of this severity or worse', { choices: SEVERITIES }),
    text('severity', 'Only findings of this severity or worse', { choices: SEVERITIES }),
    bool('fixable', 'Only findings that a newer version mends'),
    bool('ignored', 'Also findings that the policy of the engine excepts'),
  ],
  args: [1, 1],
  completes: 'images',
  async run(session, flags, [name = '']) {
    const format = flags.text('format') || 'table';
    if (!FORMATS.includes(format)) throw new CommandFailure(`invalid --format ${JSON.stringify(format)}: use ${FORMATS.join(', ')}`);
    const [limit, least] = [severity(flags, 'fail-on'), severity(flags, 'severity')];
    const bill = format === 'cyclonedx' || format === 'spdx';
    const client = await session.client();
    const reply = await client.text('GET', '/gantry/scan', { query: { name, ...(bill ? { format } : {}) } });
    if (bill) {
      session.out(`${indentJson(reply, '  ')}\n`);
      return;
    }
    const report = JSON.parse(reply) as Report;
    const shown = shownFindings(report.findings, { least, fixable: flags.bool('fixable'), ignored: flags.bool('ignored') });
    if (format === 'json') session.out(`${indentJson(JSON.stringify({ ...report, findings: shown }), '  ')}\n`);
    else session.out(drawReport(name, report, shown));
    if (limit !== undefined) failOn(limit, name, report, flags.bool('fixable'));
  },
};
export default command;

function severity(flags: Flags, flag: string): string | undefined {
  const given = flags.text(flag);
  if (given === '' || SEVERITIES.includes(given)) return given || undefined;
  throw new CommandFailure(`invalid --${flag} ${JSON.stringify(given)}: use ${SEVERITIES.join(', ')}`);
}

/** What could not be judged is not good either. */
function failOn(limit: string, name: string, report: Report, fixable: boolean): void {
  if (!report.advisories) throw new CommandFailure(`${name} could not be judged: no advisory data is loaded`, 2);
  if (shownFindings(report.findings, { least: limit, fixable, ignored: false }).length > 0)
    throw new CommandFailure(`${name} has findings of severity ${limit} or worse`, 2);
}
