import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';
import {
  executeTemplate,
  HEADER_FUNCTIONS,
  type Row,
  readTemplate,
  rowJson,
  type Template,
  TemplateRunError,
  TemplateSyntaxError,
  usesField,
} from '../template/index.ts';
import { statusPainter, wantsColour } from '../terminal/colour.ts';
import { layOut } from './columns.ts';

/** A `--format` value made ready: how to print, and with which template. */
export interface Format {
  readonly table: boolean;
  readonly json: boolean;
  readonly template: Template | undefined;
  /** The built-in table, which may be cut to fit the terminal. */
  readonly builtIn: boolean;
}

const JSON_TEMPLATE = '{{json .}}';

function compile(source: string): Template {
  try {
    return readTemplate(source);
  } catch (error) {
    if (error instanceof TemplateSyntaxError) throw new CommandFailure(`failed to parse template: ${error.message}`, 1, error);
    throw error;
  }
}

/** Reads a `--format` value; `builtIn` is the table printed for none and for `table` alone, without that word. */
export function readFormat(given: string, builtIn: string): Format {
  const format = given === '' || given.trim() === 'table' ? `table ${builtIn}` : given;
  if (format === 'json' || format === JSON_TEMPLATE) return { table: false, json: true, builtIn: false, template: compile(JSON_TEMPLATE) };
  const table = /^table(\s|$)/.test(format);
  const body = (table ? format.slice('table'.length).trim() : format).replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  return { table, json: false, builtIn: given === '' || given.trim() === 'table', template: compile(body) };
}

/** Whether printing with `format` needs the field `name`, so that costly fields are asked for only then. */
export function needsField(format: Format, name: string): boolean {
  return format.template !== undefined && usesField(format.template, name);
}

function execute(template: Template, row: Row | Record<string, unknown>, header: boolean): string {
  try {
    return executeTemplate(template, row, header ? { functions: HEADER_FUNCTIONS } : {});
  } catch (error) {
    if (error instanceof TemplateRunError) throw new CommandFailure(`failed to execute template: ${error.message}`, 1, error);
    throw error;
  }
}

/** The last part of a label's name as a title: `com.example.build-date` → `build date`. */
const labelTitle = (name: unknown) => String(name).split('.').at(-1)?.replaceAll(/[-_]/g, ' ') ?? '';

/** The text that `format` gives for `rows`. `headers` are the column titles by field. */
export function renderListing(format: Format, rows: readonly Row[], headers: Readonly<Record<string, string>>): string {
  if (format.json) return rows.map((row) => `${rowJson(row)}\n`).join('');
  const template = format.template;
  if (!template) return '';
  // A table's body is made first: a template that fails must not leave a lone header behind.
  const body = rows.map((row) => `${execute(template, row, false)}\n`).join('');
  if (!format.table) return body;
  return `${execute(template, { ...headers, Label: labelTitle }, true)}\n${body}`;
}

/** Prints rows as `--format` asks: a table with Docker's columns, JSON lines, or the user's own template. */
export function printListing(
  session: Session,
  format: Format,
  rows: readonly Row[],
  headers: Readonly<Record<string, string>>,
  truncate = true,
): void {
  const text = renderListing(format, rows, headers);
  session.out(format.table ? fit(session, text, format.builtIn && truncate) : text);
}

/** Aligns a tab-separated table; on a terminal it is also cut to the width, when allowed, and coloured. */
export function fit(session: Session, text: string, mayCut: boolean): string {
  const terminal = session.stdout.isTTY === true;
  const columns = session.stdout.columns;
  return layOut(text, {
    ...(terminal && mayCut && columns > 0 ? { terminalWidth: columns } : {}),
    ...(wantsColour(session.stdout, session.env) ? { paint: statusPainter } : {}),
  });
}
