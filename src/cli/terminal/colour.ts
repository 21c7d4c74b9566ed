/** Colours are for people: only on a terminal, and never when NO_COLOR asks for none. */
export function wantsColour(stream: NodeJS.WriteStream, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

const paint = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);
export const cyan = paint(36);

/** Colours the header line, and the STATUS column by its meaning. */
export function statusPainter(cell: string, row: number, _column: number, header: string): string {
  if (cell === '') return cell;
  if (row === 0) return bold(cell);
  if (header !== 'STATUS') return cell;
  if (/\(Paused\)|starting\)|^Restarting/.test(cell)) return yellow(cell);
  if (cell.includes('(unhealthy)') || /^Exited \((?!0\))|^Dead/.test(cell)) return red(cell);
  return cell.startsWith('Up') ? green(cell) : dim(cell);
}
