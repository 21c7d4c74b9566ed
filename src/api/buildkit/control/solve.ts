import type { Clock } from '../../../base/index.ts';
import { invalid } from '../../../base/index.ts';
import type { FrontEnd } from '../gateway/front-end.ts';
import { StatusError } from '../grpc/index.ts';
import type { Decoded } from '../wire/codec.ts';
import type { SolveRequest } from '../wire/control.ts';
import type { Build } from './builds.ts';
import { decodeOutputs, exportResult } from './exporters.ts';

type Request = Decoded<typeof SolveRequest>;

/** Milliseconds for a client to take the last of the progress before it gets the outcome. */
const LAST_WORDS = 3_000;

/** One build from its start to its last export. Resolves to what the client is told of the outputs. */
export async function runBuild(
  build: Build,
  request: Request,
  parts: { frontEnd: FrontEnd; clock: Clock },
): Promise<Record<string, string>> {
  try {
    if (request.definition && request.definition.operations.length > 0) throw invalid('building a low-level definition is not supported');
    const outputs = decodeOutputs(request);
    const resultId = await resultOf(build, request, parts.frontEnd);
    const response: Record<string, string> = {};
    if (resultId === '') return response;
    const prepared = build.results.get(resultId);
    if (!prepared) throw invalid(`the client returned a result that this build has not: ${resultId}`);
    const solved = await build.solved(prepared);
    for (const [index, output] of outputs.entries()) {
      build.signal.throwIfAborted();
      const session = () => build.session();
      const observe = build.status.observe.bind(build.status);
      Object.assign(
        response,
        await exportResult(solved, output, index, { clock: parts.clock, ref: build.ref, session, observe, signal: build.signal }),
      );
    }
    return response;
  } catch (error) {
    // Calls of the client's front end end too: it would wait for them before it tells of the error.
    build.cancel(error);
    throw error;
  } finally {
    await build.status.end(LAST_WORDS);
    await build.release();
  }
}

/** Empty when nothing is to be built: the client only asked. */
async function resultOf(build: Build, request: Request, frontEnd: FrontEnd): Promise<string> {
  if (request.frontend !== '') {
    const { frontend, frontendAttributes: options, frontendInputs: inputs } = request;
    return (await frontEnd.solve(build, { frontend, options, inputs })).ref?.id ?? '';
  }
  const { result, error } = await build.returned();
  if (error) throw new StatusError(error);
  return result?.ref?.id ?? '';
}
