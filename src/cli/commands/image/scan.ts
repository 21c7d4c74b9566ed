import { indentJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { text } from '../../flags/index.ts';

/** The parts that are shown of the reply of GET /gantry/scan. */
interface Report {
  readonly inventory: {
    readonly distribution: { readonly prettyName: string };
    readonly packages: readonly { readonly ecosystem: string }[];
  };
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly package: { readonly name: string; readonly version: string };
    readonly fixedIn?: string;
  }[];
  readonly counts: Readonly<Record<string, number>>;
  readonly advisories?: { readonly folder: string; readonly osv: number; readonly debian: number; readonly newest: string };
}

const FORMATS = ['table', 'json', 'cyclonedx', 'spdx'];
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'];

const command: Command = {
  usage: '[OPTIONS] IMAGE',
  about: 'Lists the software that package managers left in an image, and its known weaknesses by the advisory data that the engine has.',
  flags: [
    text('format', "How to print: 'table', 'json', 'cyclonedx' or 'spdx'", { choices: FORMATS, default: 'table' }),
    text('fail-on', 'End with code 2 when something is found of this severity or worse', { choices: SEVERITIES }),
  ],
  args: [1, 1],
  completes: 'images',
  async run(session, flags, [name = '']) {
    const [format, limit] = [flags.text('format') || 'table', flags.text('fail-on')];
    if (!FORMATS.includes(format)) throw new CommandFailure(`invalid --format ${JSON.stringify(format)}: use ${FORMATS.join(', ')}`);
    if (limit !== '' && !SEVERITIES.includes(limit))
      throw new CommandFailure(`invalid --fail-on ${JSON.stringify(limit)}: use ${SEVERITIES.join(', ')}`);
    const bill = format === 'cyclonedx' || format === 'spdx';
    const client = await session.client();
    const reply = await client.text('GET', '/gantry/scan', { query: { name, ...(bill ? { format } : {}) } });
    if (format !== 'table') session.out(`${indentJson(reply, '  ')}\n`);
    if (bill) return;
    const report = JSON.parse(reply) as Report;
    if (format === 'table') session.out(draw(name, report));
    const worst = SEVERITIES.slice(0, SEVERITIES.indexOf(limit) + 1);
    if (worst.some((severity) => (report.counts[severity] ?? 0) > 0))
      throw new CommandFailure(`${name} has findings of severity ${limit} or worse`, 2);
    if (limit !== '' && !report.advisories) throw new CommandFailure(`${name} could not be judged: no advisory data is loaded`, 2);
  },
};
export default command;

function draw(name: string, { inventory, findings, counts, advisories }: Report): string {
  const kinds = new Map<string, number>();
  for (const { ecosystem } of inventory.packages) kinds.set(ecosystem, (kinds.get(ecosystem) ?? 0) + 1);
  const lines = [
    `${name}: ${inventory.distribution.prettyName || 'no distribution'}, ${inventory.packages.length} packages (${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'})`,
  ];
  if (!advisories) lines.push('No advisory data loaded: nothing can be said about weaknesses. See gantryd --help, --advisories.');
  else
    lines.push(
      `Advisories: ${advisories.osv} OSV records, ${advisories.debian} of Debian's tracker, as of ${advisories.newest.slice(0, 10)}`,
    );
  const rows = findings.map(({ id, severity, package: item, fixedIn }) => [
    severity,
    id,
    item.name,
    item.version,
    fixedIn ?? 'not mended yet',
  ]);
  if (rows.length > 0) lines.push('', ...table([['SEVERITY', 'ID', 'PACKAGE', 'VERSION', 'MENDED IN'], ...rows]));
  const summary = SEVERITIES.flatMap((severity) => ((counts[severity] ?? 0) > 0 ? [`${counts[severity]} ${severity}`] : []));
  if (advisories) lines.push('', summary.length > 0 ? `Found: ${summary.join(', ')}` : 'Nothing found.');
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
