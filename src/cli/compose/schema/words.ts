/** A JSON Schema (draft 7). */
export type Schema = Readonly<Record<string, unknown>>;

export const text: Schema = { type: 'string' };
export const number: Schema = { type: ['number', 'string'], format: 'number' };
export const truth: Schema = { type: ['boolean', 'string'], format: 'truth' };
export const duration: Schema = { type: 'string', format: 'duration' };
export const size: Schema = { type: ['number', 'string'], format: 'size' };
export const portNumber: Schema = { type: ['number', 'string'], format: 'ports' };
export const word = (...choices: string[]): Schema => ({ type: 'string', enum: choices });

export const either = (...schemas: Schema[]): Schema => ({ anyOf: schemas });
export const orNull = (schema: Schema): Schema => either(schema, { type: 'null' });
export const listOf = (items: Schema): Schema => ({ type: 'array', items });
export const texts = listOf(text);
export const textOrTexts = either(text, texts);

/** Known keys only, besides extensions (`x-…`). */
export const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  patternProperties: { '^x-': {} },
  additionalProperties: false,
  ...(required.length > 0 ? { required } : {}),
});

/** Any names; each value is a `value`. */
export const mapOf = (value: Schema): Schema => ({ type: 'object', additionalProperties: value });

/** Names of things that people define: services, networks, volumes … */
export const named = (value: Schema): Schema => ({
  type: 'object',
  patternProperties: { '^[a-zA-Z0-9._-]+$': value },
  additionalProperties: false,
});

const plainValue: Schema = { type: ['string', 'number', 'boolean', 'null'] };
/** `KEY: value`, or a list of `KEY=value`. */
export const pairs = either(mapOf(plainValue), texts);
