import { EngineRefusal, indentJson, parseJson } from '../client/index.ts';
import { CommandFailure } from '../failure.ts';
import { type FlagSpec, formatFlag } from '../flags/index.ts';
import type { Session } from '../session.ts';
import { executeTemplate, readTemplate, type Template, TemplateRunError, TemplateSyntaxError } from '../template/index.ts';

export const INSPECT_FORMAT: FlagSpec = { ...formatFlag('f'), help: "Print with a Go template: 'json' or 'TEMPLATE'" };

/** Fields that engines leave out when there is nothing to say; templates read them as nil, as Docker's typed fields are. */
const OPTIONAL = new Set([
  'Health',
  'Annotations',
  'SizeRw',
  'SizeRootFs',
  'Error',
  'Healthcheck',
  'StopTimeout',
  'StopSignal',
  'ExposedPorts',
  'Shell',
  'ArgsEscaped',
  'Init',
  'Tmpfs',
  'Sysctls',
  'StorageOpt',
  'Mounts',
  'GraphDriver',
  'UsageData',
  'ClusterVolume',
  'Status',
  'ImageManifestDescriptor',
  'NetworkDisabled',
  'MacAddress',
  'VariantName',
  'Variant',
  'OsVersion',
  'Metadata',
  'Identity',
  'Config',
  'Labels',
  'Volumes',
  'Entrypoint',
  'Cmd',
  'User',
  'WorkingDir',
  'OnBuild',
  'Env',
  'Descriptor',
  'Manifests',
  'Parent',
  'Comment',
  'Author',
  'Container',
  'Ports',
  'Runtime',
]);

/** Docker's templates name Go fields, which differ from the JSON keys only by case (`.ID` for `Id`). */
function missingField(key: string, map: Record<string, unknown>): unknown {
  const other = Object.keys(map).find((name) => name.toLowerCase() === key.toLowerCase());
  if (other !== undefined) return map[other];
  if (OPTIONAL.has(key)) return null;
  throw new Error(`map has no entry for key ${JSON.stringify(key)}`);
}

function compile(format: string): Template {
  try {
    return readTemplate(format);
  } catch (error) {
    if (error instanceof TemplateSyntaxError) throw new CommandFailure(`template parsing error: ${error.message}`, 64, error);
    throw error;
  }
}

/**
 * Prints objects as `inspect` does: the engine's JSON with its own order of keys, or a template for each.
 * What was found is printed before failures are thrown.
 */
export async function inspectEach(
  session: Session,
  names: readonly string[],
  format: string,
  fetch: (name: string) => Promise<string>,
): Promise<void> {
  const asJson = format === 'json' || format === '{{json .}}';
  const template = format === '' || asJson ? undefined : compile(format);
  const found: string[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      found.push((await fetch(name)).trim());
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      failures.push(error.message);
    }
  }
  if (format === '') session.out(`${indentJson(`[${found.join(',')}]`, '    ')}\n`);
  else if (format === 'json') session.out(`[${found.join(',')}]\n`);
  else if (asJson) session.out(`${found.join('\n')}\n`);
  else if (template) session.out(renderEach(session, template, found));
  if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
}

function renderEach(session: Session, template: Template, found: readonly string[]): string {
  const lines: string[] = [];
  try {
    for (const text of found) lines.push(executeTemplate(template, parseJson(text), { missing: missingField }));
  } catch (error) {
    if (!(error instanceof TemplateRunError)) throw error;
    session.out(`${lines.join('\n')}\n`);
    throw new CommandFailure(`template parsing error: ${error.message}`, 1, error);
  }
  return `${lines.join('\n')}\n`;
}

export const isNotFound = (error: unknown) => error instanceof EngineRefusal && error.status === 404;
