import { importsOf, type SourceFile } from './source-files.ts';

/**
 * Each ring of files that import one another, as the path around it. Type imports leave nothing at run time and are not counted.
 * Tarjan's strongly connected components, so a file is visited once.
 */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const known = new Map(files.map((file) => [file.path, targets(file)]));
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const rings: string[][] = [];

  function visit(file: string): void {
    order.set(file, order.size);
    low.set(file, order.get(file) ?? 0);
    open.push(file);
    for (const next of known.get(file) ?? []) {
      if (!known.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (open.includes(next)) low.set(file, Math.min(low.get(file) ?? 0, low.get(next) ?? 0));
    }
    if (low.get(file) !== order.get(file)) return;
    const ring = open.splice(open.indexOf(file));
    if (ring.length > 1 || known.get(file)?.includes(file)) rings.push(ring);
  }

  for (const file of known.keys()) if (!order.has(file)) visit(file);
  return rings;
}

function targets(file: SourceFile): string[] {
  return importsOf(file).flatMap((entry) => (entry.target === undefined || entry.typeOnly ? [] : [entry.target]));
}
