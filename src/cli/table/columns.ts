import { ellipsis } from '../format/index.ts';

export interface ColumnOptions {
  /** Least width of a column, padding included. */
  readonly least?: number;
  readonly padding?: number;
  /** Columns of the terminal; wide cells are shortened until the lines fit. */
  readonly terminalWidth?: number;
  /** Paints one cell after the widths are settled. */
  readonly paint?: (cell: string, row: number, column: number, header: string) => string;
}

/** Columns that may lose text to fit a terminal. Ids, names and times are copied and compared, so they stay whole. */
const SHORTENED = new Set([
  'IMAGE',
  'COMMAND',
  'PORTS',
  'MOUNTS',
  'LABELS',
  'NETWORKS',
  'CREATED BY',
  'COMMENT',
  'DESCRIPTION',
  'DIGEST',
  'DOCKER ENDPOINT',
]);
const LEAST_SHORTENED = 12;

const width = (text: string) => (/^[\x20-\x7e]*$/.test(text) ? text.length : [...text].length);

/**
 * Lays out lines of cells by elastic tab stops, as Go's tabwriter does: a column's width counts for the run of
 * neighbouring lines that have it, and the last cell of a line belongs to no column.
 */
function cellWidths(lines: readonly (readonly string[])[], least: number, padding: number): number[][] {
  const widths = lines.map((cells) => new Array<number>(cells.length).fill(0));
  function fill(from: number, to: number, column: number): void {
    let row = from;
    while (row < to) {
      if (column >= (lines[row]?.length ?? 0) - 1) {
        row += 1;
        continue;
      }
      let end = row;
      let widest = least;
      while (end < to && column < (lines[end]?.length ?? 0) - 1) {
        widest = Math.max(widest, width(lines[end]?.[column] ?? '') + padding);
        end += 1;
      }
      for (let i = row; i < end; i += 1) (widths[i] as number[])[column] = widest;
      fill(row, end, column + 1);
      row = end;
    }
  }
  fill(0, lines.length, 0);
  return widths;
}

/** Cuts the widest columns until the widest line fits. */
function shorten(lines: string[][], limit: number, padding: number): string[][] {
  const count = Math.max(...lines.map((cells) => cells.length));
  const widest = Array.from({ length: count }, (_, column) => Math.max(0, ...lines.map((cells) => width(cells[column] ?? ''))));
  const titles = lines[0] ?? [];
  const floor = widest.map((own, column) => (SHORTENED.has(titles[column] ?? '') ? Math.min(own, LEAST_SHORTENED) : own));
  const total = () => widest.reduce((sum, own, i) => sum + own + (i < count - 1 ? padding : 0), 0);
  for (let excess = total() - limit; excess > 0; excess -= 1) {
    const room = widest.map((own, i) => own - (floor[i] ?? own));
    const column = room.indexOf(Math.max(...room));
    if ((room[column] ?? 0) <= 0) break;
    widest[column] = (widest[column] ?? 0) - 1;
  }
  return lines.map((cells) => cells.map((cell, column) => ellipsis(cell, widest[column] ?? 0)));
}

/** Text whose cells end in tabs, as aligned columns. */
export function layOut(text: string, options: ColumnOptions = {}): string {
  const { least = 10, padding = 3 } = options;
  const ended = text.endsWith('\n');
  let lines = (ended ? text.slice(0, -1) : text).split('\n').map((line) => line.split('\t'));
  if (options.terminalWidth !== undefined) lines = shorten(lines, options.terminalWidth, padding);
  const widths = cellWidths(lines, least, padding);
  const titles = lines[0] ?? [];
  const rows = lines.map((cells, row) =>
    cells
      .map((cell, column) => {
        const fill = ' '.repeat(Math.max(0, (widths[row]?.[column] ?? 0) - width(cell)));
        return (options.paint ? options.paint(cell, row, column, titles[column] ?? '') : cell) + fill;
      })
      .join(''),
  );
  return rows.join('\n') + (ended ? '\n' : '');
}
