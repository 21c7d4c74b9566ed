import { FUNCTIONS } from './functions.ts';
import { parseTemplate, type Template } from './parser.ts';

export { type ExecuteOptions, executeTemplate, TemplateRunError } from './execute.ts';
export { HEADER_FUNCTIONS } from './functions.ts';
export { TemplateSyntaxError } from './lexer.ts';
export type { Template } from './parser.ts';
export { usesField } from './uses.ts';
export { isMap, Row, rowJson, show, toJson, type Value } from './value.ts';

const NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS));

/** Reads a Go template with the functions that Docker's `--format` has. Throws `TemplateSyntaxError`. */
export const readTemplate = (source: string): Template => parseTemplate(source, NAMES);
