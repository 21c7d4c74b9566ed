import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';

/** Since the interface was made. */
export interface InterfaceCounters {
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

/** By interface name, as the process `pid` sees them in its network namespace (/proc/PID/net/dev). Undefined when it is gone. */
export function interfaceCounters(pid: number): Record<string, InterfaceCounters> | undefined {
  try {
    return parseCounters(readFileSync(`/proc/${pid}/net/dev`, 'latin1'));
  } catch (error) {
    const code = errnoOf(error);
    // EINVAL: a zombie, which has no namespace any more.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** Two lines of titles, then `name: 8 numbers of receiving, 8 of sending`. */
export function parseCounters(text: string): Record<string, InterfaceCounters> {
  const counters: Record<string, InterfaceCounters> = {};
  for (const line of text.split('\n').slice(2)) {
    const colon = line.lastIndexOf(':');
    if (colon < 0) continue;
    const n = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const at = (index: number) => n[index] ?? 0;
    counters[line.slice(0, colon).trim()] = {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    };
  }
  return counters;
}
