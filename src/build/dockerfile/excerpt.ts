import type { DockerfileSourceText, SourceRange } from '../builder.ts';

const AROUND = 4;

/**
 * The lines at fault among their neighbours, numbered, with `>>>` before them, as buildx draws it. Empty when there is nothing to
 * show.
 */
export function drawExcerpt(source: DockerfileSourceText, ranges: readonly SourceRange[]): string {
  const lines = Buffer.from(source.data)
    .toString('utf8')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  const marked = ranges.filter(({ start }) => start >= 1 && start <= lines.length);
  const first = marked[0];
  if (!first) return '';
  const start = Math.min(...marked.map((range) => range.start));
  const end = Math.min(lines.length, Math.max(...marked.map((range) => range.end)));
  const [from, to] = widen(start, end, lines.length);
  const isMarked = (line: number) => marked.some((range) => line >= range.start && line <= range.end);
  const drawn = [`${source.filename}:${first.start}`, '-'.repeat(20)];
  for (let line = from; line <= to; line++)
    drawn.push(`${String(line).padStart(4)} | ${isMarked(line) ? '>>>' : '   '} ${(lines[line - 1] ?? '').slice(0, 1000)}`);
  drawn.push('-'.repeat(20));
  return `${drawn.join('\n')}\n`;
}

/** Some lines before and after, more of the ones where the others are missing. */
function widen(start: number, end: number, count: number): [number, number] {
  let [from, to] = [start, Math.min(end, start + 100)];
  for (let added = 0; added < AROUND; ) {
    const before = added;
    if (from > 1) {
      from--;
      added++;
    }
    if (to < count) {
      to++;
      added++;
    }
    if (added === before) break;
  }
  return [from, to];
}
