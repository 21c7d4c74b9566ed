/** The parts that are shown of the reply of GET /gantry/scan. */
export interface Report {
  readonly inventory: {
    readonly distribution: { readonly prettyName: string };
    readonly packages: readonly { readonly ecosystem: string }[];
    readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  };
  readonly findings: readonly Finding[];
  readonly advisories?: {
    readonly folder: string;
    readonly osv: number;
    readonly debian: number;
    readonly alpine: number;
    readonly byEcosystem: Readonly<Record<string, number>>;
    readonly newest: string;
    readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  };
}

export interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly package: { readonly name: string; readonly version: string };
  readonly fixedIn?: string;
  readonly ignored?: { readonly reason?: string; readonly until?: string };
}

/** Worst first. */
export const SEVERITIES: readonly string[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'];
/** Files named one by one that could not be read. */
const MOST_TOLD = 5;

export function shownFindings(
  findings: readonly Finding[],
  wanted: { least: string | undefined; fixable: boolean; ignored: boolean },
): readonly Finding[] {
  const last = wanted.least === undefined ? SEVERITIES.length : SEVERITIES.indexOf(wanted.least);
  return findings.filter(
    (finding) =>
      SEVERITIES.indexOf(finding.severity) <= last &&
      (!wanted.fixable || finding.fixedIn !== undefined) &&
      (wanted.ignored || finding.ignored === undefined),
  );
}

export function drawReport(name: string, report: Report, shown: readonly Finding[]): string {
  const { inventory, findings, advisories } = report;
  const kinds = countBy(inventory.packages, ({ ecosystem }) => ecosystem);
  const lines = [
    `${name}: ${inventory.distribution.prettyName || 'no distribution'}, ${inventory.packages.length} packages (${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'})`,
  ];
  lines.push(...told('Not read of the image', inventory.unreadable));
  if (!advisories) {
    lines.push('No advisory data loaded: nothing can be said about weaknesses. See gantryd --help, --advisories.');
    return ended(lines);
  }
  const { osv, debian, alpine, newest } = advisories;
  lines.push(
    `Advisories: ${osv} OSV records, ${debian} of Debian's tracker, ${alpine} of Alpine's database, as of ${newest.slice(0, 10) || 'never'}`,
  );
  lines.push(...told('Not read of the advisories', advisories.unreadable));
  const unknown = [...kinds].filter(([kind]) => !advisories.byEcosystem[kind]);
  if (unknown.length > 0) lines.push(`No advisory data for: ${unknown.map(([kind, count]) => `${kind} (${count} packages)`).join(', ')}`);
  if (shown.length > 0) lines.push('', ...table([['SEVERITY', 'ID', 'PACKAGE', 'VERSION', 'MENDED IN'], ...shown.map(row)]));
  lines.push('', summary(findings, shown));
  return ended(lines);
}

/** What an image holds must not steer the terminal. */
const ended = (lines: readonly string[]): string => `${lines.map((line) => line.replace(/\p{Cc}+/gu, '?')).join('\n')}\n`;

function row({ id, severity, package: item, fixedIn, ignored }: Finding): string[] {
  const until = ignored?.until ? ` until ${ignored.until}` : '';
  const excepted = ignored ? [`ignored${until}${ignored.reason ? `: ${ignored.reason}` : ''}`] : [];
  return [severity, id, item.name, item.version, fixedIn ?? 'not mended yet', ...excepted];
}

function summary(findings: readonly Finding[], shown: readonly Finding[]): string {
  const counted = findings.filter(({ ignored }) => !ignored);
  const counts = countBy(counted, ({ severity }) => severity);
  const found = SEVERITIES.flatMap((severity) => (counts.has(severity) ? [`${counts.get(severity)} ${severity}`] : []));
  const hidden = counted.length - shown.filter(({ ignored }) => !ignored).length;
  const parts = [found.length > 0 ? `Found: ${found.join(', ')}` : 'Nothing found.'];
  if (hidden > 0) parts.push(`${hidden} not shown`);
  if (counted.length < findings.length) parts.push(`${findings.length - counted.length} ignored by the policy (--ignored shows them)`);
  return parts.join('; ');
}

function told(what: string, files: readonly { readonly path: string; readonly reason: string }[]): string[] {
  const lines = files.slice(0, MOST_TOLD).map(({ path, reason }) => `${what}: ${path}: ${reason}`);
  return files.length > MOST_TOLD ? [...lines, `${what}: ${files.length - MOST_TOLD} more (--format json lists them)`] : lines;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
