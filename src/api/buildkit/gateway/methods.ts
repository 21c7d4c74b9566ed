import { notFound } from '../../../base/index.ts';
import type { Build, Builds } from '../control/builds.ts';
import { type Call, type Method, unary, unimplemented } from '../grpc/index.ts';
import { Empty, EvaluateRequest, FrontendSolveRequest, FrontendSolveResponse, PongResponse, ReturnRequest } from '../wire/control.ts';
import type { FrontEnd } from './front-end.ts';

const SERVICE = '/moby.buildkit.v1.frontend.LLBBridge/';

/** What clients may count on. Without `return` they would take this for an ancient server and never tell that they are done. */
const CAPABILITIES = [
  ...['solve.base', 'solve.inlinereturn', 'return', 'returnmap', 'proto.refarray', 'reference.output', 'frontend.caps', 'frontend.inputs'],
  ...['gateway.solve.metadata', 'gateway.solve.evaluate', 'gateway.evaluate', 'gateway.warnings', 'importcaches'],
].map((id) => ({ id, enabled: true }));

const LLB_CAPABILITIES = ['exporter.multiple'].map((id) => ({ id, enabled: true }));

/** The calls of a client that takes part in its build: it starts the front end and says when it is done with it. */
export function gatewayMethods(builds: Builds, frontEnd: FrontEnd): [string, Method][] {
  /** Each call tells its build in its metadata. */
  const during = async <T>(call: Call, run: (build: Build) => Promise<T>): Promise<T> => {
    using held = builds.hold(String(call.metadata['buildkit-controlapi-buildid'] ?? ''));
    await held.build.request(call.signal);
    return run(held.build);
  };
  const methods: Record<string, Method> = {
    Ping: unary(Empty, PongResponse, (_, call) =>
      during(call, async () => ({ frontendCaps: CAPABILITIES, llbCaps: LLB_CAPABILITIES, workers: [] })),
    ),
    Solve: unary(FrontendSolveRequest, FrontendSolveResponse, (request, call) =>
      during(call, async (build) => {
        if (request.frontend === '' && request.definition) throw unimplemented('solving a low-level definition');
        return { result: await frontEnd.solve(build, request) };
      }),
    ),
    Return: unary(ReturnRequest, Empty, (request, call) =>
      during(call, async (build) => {
        build.return(request);
        return {};
      }),
    ),
    Evaluate: unary(EvaluateRequest, Empty, (request, call) =>
      during(call, async (build) => {
        const result = build.results.get(request.ref);
        if (!result) throw notFound(`the build has no result ${request.ref}`);
        await build.solved(result);
        return {};
      }),
    ),
  };
  return Object.entries(methods).map(([name, method]) => [SERVICE + name, method]);
}
