import { indentJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { authHeader } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import { parseReference } from '../../format/reference.ts';
import type { Session } from '../../session.ts';
import { drawReport, type Report, SEVERITIES, shownFindings } from './scan-report.ts';

const FORMATS = ['table', 'json', 'cyclonedx', 'spdx'];

const command: Command = {
  usage: '[OPTIONS] IMAGE',
  about: 'Lists the software that package managers left in an image, and its known weaknesses by the advisory data that the engine has.',
  flags: [
    bool('attach', 'Keep the bill of materials at the registry that has the image, as being about it'),
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
    if (flags.bool('attach')) return attach(session, name, flags.given('format') ? format : 'cyclonedx');
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

async function attach(session: Session, name: string, format: string): Promise<undefined> {
  if (format !== 'cyclonedx' && format !== 'spdx') throw new CommandFailure('--attach needs --format cyclonedx or spdx');
  const { registry } = parseReference(name);
  const headers = await authHeader(session, registry);
  const reply = await (await session.client()).text('POST', '/gantry/scan/attach', { query: { name, format }, headers });
  const { digest, subject } = JSON.parse(reply) as { digest: string; subject: string };
  session.out(`Attached ${digest} to ${subject}\n`);
}

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
