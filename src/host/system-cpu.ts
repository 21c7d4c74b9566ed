import { readFileSync } from 'node:fs';

/** Jiffies of /proc/stat are hundredths of a second on every Linux platform that Node runs on (USER_HZ). */
const NANOSECONDS_PER_JIFFY = 10_000_000;

/** Nanoseconds of processor time that the whole host has spent, idle included, and its processors (proc(5), /proc/stat). */
export function readSystemCpu(): { total: number; processors: number } {
  const lines = readFileSync('/proc/stat', 'utf8').split('\n');
  const fields = (lines[0] ?? '').trim().split(/\s+/).slice(1, 8).map(Number);
  return {
    total: fields.reduce((sum, jiffies) => sum + jiffies, 0) * NANOSECONDS_PER_JIFFY,
    processors: lines.filter((line) => /^cpu\d/.test(line)).length,
  };
}
