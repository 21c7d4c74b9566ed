import { type Clock, parseNanoseconds, sha256, unsupported } from '../../../base/index.ts';
import type { BuildEvent, BuildStep, SolvedBuild } from '../../../build/index.ts';
import { sendDirectory, sendTar } from '../session/send-files.ts';
import type { Session } from '../session/sessions.ts';
import type { Decoded } from '../wire/codec.ts';
import type { Exporter, SolveRequest } from '../wire/control.ts';

/** Who gets the result: one of these per `--output`. */
export interface Output {
  type: 'image' | 'local' | 'tar';
  /** Image names, as the person wrote them. */
  names: string[];
}

/** `push` is for the client, which asks for it by a call of its own; `name` and the like describe the image. */
const ATTRIBUTES = new Set(['name', 'push', 'unpack', 'store', 'dest', 'platform-split', 'load', 'context']);

export function decodeOutputs(request: Decoded<typeof SolveRequest>): Output[] {
  const { exporters, exporterDeprecated, exporterAttributesDeprecated } = request;
  const given =
    exporters.length > 0 || exporterDeprecated === ''
      ? exporters
      : [{ type: exporterDeprecated, attributes: exporterAttributesDeprecated }];
  return given.map(decodeOutput);
}

function decodeOutput({ type, attributes }: Decoded<typeof Exporter>): Output {
  const known = { moby: 'image', image: 'image', local: 'local', tar: 'tar' } as const;
  const kind = Object.hasOwn(known, type) ? known[type as keyof typeof known] : undefined;
  if (!kind) throw unsupported(`output of type ${type} is not supported`, 'use type=image, local or tar');
  for (const [key, value] of Object.entries(attributes)) {
    if (ATTRIBUTES.has(key) || value === '' || value === 'false') continue;
    throw unsupported(`the option ${key}=${value} of output type=${kind} is not supported`);
  }
  return { type: kind, names: (attributes.name ?? '').split(',').filter((name) => name !== '') };
}

export interface ExportParts {
  clock: Clock;
  ref: string;
  session: () => Promise<Session>;
  observe: (event: BuildEvent) => void;
  signal: AbortSignal;
}

/** Resolves to what the client is told of it: ids and names. */
export async function exportResult(
  solved: SolvedBuild,
  output: Output,
  index: number,
  parts: ExportParts,
): Promise<Record<string, string>> {
  if (output.type === 'image') {
    const { imageId } = await solved.exportImage(output.names);
    return {
      'containerimage.config.digest': imageId,
      'containerimage.digest': imageId,
      ...(output.names.length > 0 ? { 'image.name': output.names.map(longName).join(',') } : {}),
    };
  }
  const session = await parts.session();
  const [title, progress, send] =
    output.type === 'local'
      ? (['exporting to client directory', 'copying files', sendDirectory] as const)
      : (['exporting to client tarball', 'sending tarball', sendTar] as const);
  await asStep(title, progress, index, parts, async (told) => {
    const { root } = await solved.exportTree();
    await send(session, index, root, told, parts.signal);
  });
  return {};
}

/** With the registry, as Docker tells names here; a tag that was not given is not added. */
function longName(name: string): string {
  const [first = '', ...rest] = name.split('/');
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return name;
  return rest.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
}

/** Shows the work as one step with one progress. */
async function asStep(
  name: string,
  progress: string,
  index: number,
  { clock, ref, observe }: ExportParts,
  run: (told: (bytes: number) => void) => Promise<void>,
): Promise<void> {
  const now = () => parseNanoseconds(clock.timestamp()) ?? 0n;
  const started = now();
  const step: BuildStep = { id: `sha256:${sha256(`${ref} ${index} ${name}`)}`, name, inputs: [], cached: false, started };
  let sent = 0;
  const tell = (completed?: bigint) =>
    observe({
      kind: 'progress',
      stepId: step.id,
      id: progress,
      name: 'transferring',
      current: sent,
      total: 0,
      started,
      ...(completed === undefined ? {} : { completed }),
    });
  observe({ kind: 'step', step });
  try {
    await run((bytes) => {
      sent = bytes;
      tell();
    });
    tell(now());
    observe({ kind: 'step', step: { ...step, completed: now() } });
  } catch (error) {
    observe({ kind: 'step', step: { ...step, completed: now(), error: error instanceof Error ? error.message : String(error) } });
    throw error;
  }
}
