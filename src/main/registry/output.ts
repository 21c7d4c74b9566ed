/** Rows as a table with capital titles, or as one JSON object a line. */
export async function printRows<T>(
  rows: readonly T[],
  json: boolean,
  columns: Readonly<Record<string, (row: T) => string>>,
): Promise<void> {
  if (json) return void process.stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const { layOut } = await import('../../cli/index.ts');
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => cell(row)))];
  process.stdout.write(layOut(lines.map((cells) => `${cells.join('\t')}\n`).join('')));
}

/** What a command has done: the name, or an object for programs. */
export function printDone(name: string, json: boolean, more: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(json ? `${JSON.stringify({ name, ...more })}\n` : `${name}\n`);
}

export const joined = (words: readonly string[] | undefined): string => words?.join(', ') || '-';
export const timeOf = (milliseconds: number | undefined, otherwise: string): string =>
  milliseconds === undefined ? otherwise : new Date(milliseconds).toISOString().replace(/\.\d+Z/, 'Z');
