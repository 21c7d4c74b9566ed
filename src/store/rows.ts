import { conflict, GantryError } from '../base/index.ts';
import type { Row } from './store.ts';

/** What all stores say and check alike. */
export function encode(kind: string, id: string, value: unknown): string {
  const json = JSON.stringify(value);
  if (json === undefined)
    throw new GantryError('internal', `The row ${kind}/${id} cannot be written: its value is ${typeof value}, not JSON data`);
  return json;
}

export const alreadyExists = (kind: string, id: string) => conflict(`The row ${kind}/${id} exists already`);

/** `found` is undefined when the row is gone. */
export const staleRevision = (kind: string, id: string, expected: number, found: number | undefined) =>
  conflict(
    `The row ${kind}/${id} has changed: expected revision ${expected}, found ${found === undefined ? 'no such row' : `revision ${found}`}`,
  );

export const unreadable = (kind: string, id: string, reason: string) =>
  new GantryError('internal', `The row ${kind}/${id} cannot be read: ${reason}`, {
    hint: 'The other rows are not affected; delete the object that it describes to be rid of it',
  });

/** The row, or why it cannot be read. */
export function decode<T>(id: string, json: unknown, revision: unknown): Row<T> | { id: string; reason: string } {
  if (typeof revision !== 'number') return { id, reason: 'its revision is not a number' };
  if (typeof json !== 'string') return { id, reason: 'its value is not text' };
  try {
    return { id, value: JSON.parse(json) as T, revision };
  } catch (error) {
    return { id, reason: `its value is not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
}
