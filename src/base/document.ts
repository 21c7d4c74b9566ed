import { invalid } from './errors.ts';

/** A document in JSON that an operator wrote, as an object of these keys alone. `where` is for messages. Fails with `invalid`. */
export function parseDocument(text: string, where: string, keys: readonly string[]): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`${where} is not JSON: ${(error as Error).message}`);
  }
  return objectOf(value, where, keys);
}

/** A part of such a document. A key that is not known is refused: in a policy, a typo would be a hole. */
export function objectOf(value: unknown, where: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} must be a JSON object`);
  for (const key of Object.keys(value))
    if (!keys.includes(key)) throw invalid(`${where}: unknown key ${JSON.stringify(key)}`, `Known are ${keys.join(', ')}.`);
  return value as Record<string, unknown>;
}
