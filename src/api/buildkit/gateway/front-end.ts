import { type Ids, invalid, notFound, unsupported } from '../../../base/index.ts';
import type { BuildClient, Builder, BuildRequest, PreparedBuild } from '../../../build/index.ts';
import type { Build, Builds } from '../control/builds.ts';
import { SessionClient } from '../session/session-client.ts';
import type { Decoded, Sparse } from '../wire/codec.ts';
import type { Definition, FrontendSolveRequest, Result } from '../wire/control.ts';
import { decodeOptions } from './attributes.ts';
import { definitionOf, resultIdOf } from './linked-result.ts';
import { encodeReport } from './reports.ts';

type Request = Pick<Decoded<typeof FrontendSolveRequest>, 'frontend' | 'options' | 'inputs'>;

/** The names under which clients ask for a Dockerfile to be built. `gateway.v0` would be a front end in an image. */
const DOCKERFILE = 'dockerfile.v0';

/** BuildKit's Dockerfile front end: options in, a result that is not built yet out. */
export class FrontEnd {
  readonly #builder: Builder;
  readonly #builds: Builds;
  readonly #ids: Ids;

  constructor(parts: { builder: Builder; builds: Builds; ids: Ids }) {
    this.#builder = parts.builder;
    this.#builds = parts.builds;
    this.#ids = parts.ids;
  }

  async solve(build: Build, request: Request): Promise<Sparse<Decoded<typeof Result>>> {
    if (request.frontend !== DOCKERFILE) throw unsupported(`the front end '${request.frontend}' is not supported`, `only ${DOCKERFILE} is`);
    const wanted = await this.#decode(build, request);
    const { requestid: call } = request.options;
    if (call !== undefined && call !== '') {
      const report = await this.#builder.check(wanted, build.signal);
      return { ref: {}, metadata: encodeReport(call, report) };
    }
    const prepared = await this.#builder.prepare(wanted, build.signal);
    return this.#keep(build, prepared);
  }

  #keep(build: Build, prepared: PreparedBuild): Sparse<Decoded<typeof Result>> {
    const id = this.#ids.next().slice(0, 25);
    build.results.set(id, prepared);
    return {
      ref: { id, definition: definitionOf(id) },
      metadata: { 'containerimage.config': Buffer.from(JSON.stringify(prepared.config)) },
    };
  }

  async #decode(build: Build, { options, inputs }: Request): Promise<BuildRequest> {
    const { cache, entitlements } = await build.request(build.signal);
    const session = await build.session();
    const client = new SessionClient(session);
    const decoded = decodeOptions(options, {
      sharedKey: session.sharedKey,
      upload: (path) => client.upload(path, build.signal),
      input: (name) => ({ kind: 'build', build: this.#input(build, name, inputs) }),
    });
    return {
      ...decoded,
      inlineCache: inlineCache(cache?.exports ?? []) || isTrue(options['build-arg:BUILDKIT_INLINE_CACHE']),
      entitlements,
      client: client satisfies BuildClient,
      observe: (event) => build.status.observe(event),
    };
  }

  #input(build: Build, name: string, inputs: Readonly<Record<string, Decoded<typeof Definition> | undefined>>): PreparedBuild {
    const id = resultIdOf(inputs[name]);
    if (id === undefined) throw invalid(`the input ${name} is not the result of a build of this daemon`);
    const result = this.#builds.lend(id, build);
    if (!result) throw notFound(`the build whose result is the input ${name} has ended`);
    return result;
  }
}

const isTrue = (text = '') => /^(1|t|true)$/i.test(text);

function inlineCache(exports: readonly { type: string }[]): boolean {
  const other = exports.find(({ type }) => type !== 'inline');
  if (other) throw unsupported(`exporting a cache of type ${other.type} is not supported`, 'use type=inline');
  return exports.length > 0;
}
