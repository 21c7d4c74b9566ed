import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { notFound } from '../../../base/index.ts';
import {
  type Builder,
  type BuildRequest,
  type BuildStep,
  BuildStepError,
  type CacheEntry,
  type DockerfileReport,
  type PreparedBuild,
  type PruneOptions,
} from '../../../build/index.ts';

const now = () => BigInt(Date.now()) * 1_000_000n;
const idOf = (name: string) => `sha256:${createHash('sha256').update(name).digest('hex')}`;
const IMAGE = `sha256:${'ab'.repeat(32)}`;

/** What is asked of an SSH agent: a length, and the number of the request. */
const LIST_IDENTITIES = Buffer.from([0, 0, 0, 1, 11]);

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/**
 * For tests of the protocol: a builder that reads the Dockerfile and the context from the client for real, and "runs" lines of its
 * own: `PRINT text`, `FAIL code`, `SECRET id`, `AGENT id`, `CREDENTIALS host`, `WAIT`, `WARN text`.
 */
export class FakeBuilder implements Builder {
  readonly requests: BuildRequest[] = [];
  /** Paths and contents of the context of the last build. */
  context = new Map<string, string>();
  exportedNames: readonly string[] = [];
  /** Directory that exports give. */
  tree = '/nonexistent';
  aborted = 0;
  entries: CacheEntry[] = [];
  pruned: PruneOptions | undefined;

  async start(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async prepare(request: BuildRequest, signal: AbortSignal): Promise<PreparedBuild> {
    this.requests.push(request);
    const text = await this.#dockerfile(request, signal);
    const source = { filename: 'Dockerfile', data: Buffer.from(text) };
    return {
      [Symbol.asyncDispose]: async () => {},
      config: { architecture: 'amd64', os: 'linux', config: {} },
      warnings: [],
      solve: async (solving) => {
        await this.#context(request, solving);
        const lines = text.split('\n');
        for (const [index, line] of lines.entries()) if (line) await this.#line(line, index + 1, source, request, solving);
        return {
          exportImage: async (names) => {
            this.exportedNames = names;
            return { imageId: IMAGE, names: [...names] };
          },
          exportTree: async () => ({ root: this.tree }),
          [Symbol.asyncDispose]: async () => {},
        };
      },
    };
  }

  async check(request: BuildRequest, signal: AbortSignal): Promise<DockerfileReport> {
    const text = await this.#dockerfile(request, signal);
    return {
      source: { filename: 'Dockerfile', data: Buffer.from(text) },
      warnings: text.includes('WARN')
        ? [
            {
              rule: 'FakeRule',
              description: 'what is wrong in general',
              url: 'https://example.com/rule',
              detail: 'what is wrong here',
              ranges: [{ start: 1, end: 1 }],
            },
          ]
        : [],
      failsOnWarnings: false,
      targets: [{ name: 'base', description: 'the base', base: 'scratch', platform: '', default: true, range: { start: 1, end: 1 } }],
      outline: {
        name: 'base',
        description: 'the base',
        arguments: [{ name: 'A', description: 'an argument', value: '1', range: { start: 1, end: 1 } }],
        secrets: [],
        ssh: [],
        cacheMounts: [],
      },
    };
  }

  async scratchSize(): Promise<number> {
    return 0;
  }

  async usage(): Promise<CacheEntry[]> {
    return this.entries;
  }

  async prune(options: PruneOptions) {
    this.pruned = options;
    return { removed: this.entries, spaceReclaimed: 0 };
  }

  async #dockerfile(request: BuildRequest, signal: AbortSignal): Promise<string> {
    if (request.context?.kind === 'tar') return `PRINT a tar of ${(await readAll(request.context.stream)).length} bytes\n`;
    if (request.dockerfile.kind !== 'client') throw notFound('no Dockerfile with the client');
    const { directory, path } = request.dockerfile;
    await using files = await request.client.openDirectory(directory, { followPaths: [path], excludePatterns: [] }, signal);
    let text = '';
    let found = false;
    for await (const entry of files.entries())
      if (entry.path === path) {
        found = true;
        for await (const data of files.read(entry)) text += Buffer.from(data).toString();
      }
    await files.finish();
    if (!found) throw notFound(`failed to read dockerfile: open ${path}: no such file or directory`);
    return text;
  }

  async #context(request: BuildRequest, signal: AbortSignal): Promise<void> {
    if (request.context?.kind !== 'client') return;
    this.context = new Map();
    await using files = await request.client.openDirectory(
      request.context.directory,
      { followPaths: [], excludePatterns: ['*.skip'] },
      signal,
    );
    const reading: Promise<void>[] = [];
    for await (const entry of files.entries()) {
      if (entry.type !== 'file') this.context.set(entry.path, `${entry.type} ${entry.mode.toString(8)} ${entry.linkName}`);
      else
        reading.push(
          (async () => {
            const hash = createHash('sha256');
            let size = 0;
            for await (const data of files.read(entry)) {
              hash.update(data);
              size += data.length;
            }
            this.context.set(entry.path, `${size} ${hash.digest('hex')}`);
          })(),
        );
    }
    await Promise.all(reading);
    await files.finish();
  }

  async #line(
    line: string,
    number: number,
    source: { filename: string; data: Buffer },
    request: BuildRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const [verb = '', ...rest] = line.split(' ');
    const step: BuildStep = { id: idOf(line), name: line, inputs: [], cached: false, started: now() };
    request.observe({ kind: 'step', step });
    const complete = (error?: string) =>
      request.observe({ kind: 'step', step: { ...step, completed: now(), ...(error ? { error } : {}) } });
    if (verb === 'PRINT')
      request.observe({ kind: 'log', stepId: step.id, stream: 1, time: now(), data: Buffer.from(`${rest.join(' ')}\n`) });
    if (verb === 'SECRET') {
      const secret = await request.client.secret(rest[0] ?? '', signal);
      request.observe({
        kind: 'log',
        stepId: step.id,
        stream: 1,
        time: now(),
        data: Buffer.from(`secret: ${secret ? Buffer.from(secret).toString() : 'none'}\n`),
      });
    }
    if (verb === 'AGENT') {
      await request.client.checkSshAgent(rest[0] ?? '', signal);
      const agent = await request.client.connectSshAgent(rest[0] ?? '', signal);
      agent.write(LIST_IDENTITIES);
      const [answer] = (await once(agent, 'data')) as [Buffer];
      agent.end();
      request.observe({ kind: 'log', stepId: step.id, stream: 1, time: now(), data: Buffer.from(`agent: ${answer.toString('hex')}\n`) });
    }
    if (verb === 'CREDENTIALS') {
      const found = await request.client.credentials(rest[0] ?? '', signal);
      request.observe({
        kind: 'log',
        stepId: step.id,
        stream: 1,
        time: now(),
        data: Buffer.from(`credentials: ${JSON.stringify(found)}\n`),
      });
    }
    if (verb === 'WAIT')
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          this.aborted += 1;
          complete('context canceled');
          reject(signal.reason);
        }),
      );
    if (verb === 'FAIL') {
      const message = `process "${line}" did not complete successfully: exit code: ${rest[0]}`;
      complete(message);
      throw new BuildStepError(message, { stepId: step.id, exitCode: Number(rest[0]), ranges: [{ start: number, end: number }], source });
    }
    complete();
  }
}
