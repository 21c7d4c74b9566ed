import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { type GantryError, invalid, isKind, notFound } from '../../base/index.ts';
import { removeTree } from '../../host/index.ts';
import type { BuildRequest, ContextSource, DirectoryFilter, DockerfileSourceText } from '../builder.ts';
import type { SourceTree } from '../files/files.ts';
import type { BuildParts } from '../parts.ts';
import type { OpenContext } from '../sources/sources.ts';
import { ignorePatterns } from './ignore.ts';
import type { Progress, StepProgress } from './progress.ts';

const DOCKERFILE_LIMIT = 8 << 20;
const EVERYTHING: DirectoryFilter = { followPaths: [], excludePatterns: [] };

export type DirectorySource = Extract<ContextSource, { kind: 'client' | 'tar' | 'remote' }>;

/** The directories that a build may read: its context and the named ones. Each is opened at its first use, and once. */
export class BuildContexts {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #progress: Progress;
  readonly #undo: AsyncDisposableStack;
  readonly #whole = new Map<DirectorySource, Promise<OpenContext>>();
  readonly #trees = new Map<string, SourceTree>();
  #ignoreBeside: Uint8Array | undefined;
  #excluded: readonly string[] = [];

  constructor(parts: BuildParts, request: BuildRequest, progress: Progress, undo: AsyncDisposableStack) {
    this.#parts = parts;
    this.#request = request;
    this.#progress = progress;
    this.#undo = undo;
  }

  /** The text of the Dockerfile; fails with `notFound` when there is none. */
  async readDefinition(signal: AbortSignal): Promise<{ source: DockerfileSourceText; step: StepProgress }> {
    const { dockerfile } = this.#request;
    const filename = dockerfile.kind === 'text' ? dockerfile.name : posix.basename(dockerfile.path);
    const step = this.#progress.announce(`[internal] load build definition from ${filename}`);
    const { data, ignore } = await step.during(() => this.#definition(step, signal));
    this.#ignoreBeside = ignore;
    return { source: { filename, data }, step };
  }

  /**
   * What the `.dockerignore` of the Dockerfile, or else that of the context, excludes. Only directories of clients have one: an archive, a
   * repository is taken as it is, as with Docker.
   */
  async readExclusions(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#request.context?.kind !== 'client') return [];
    const ignoreStep = this.#progress.announce('[internal] load .dockerignore');
    this.#excluded = await ignoreStep.during(async () => {
      const text = this.#ignoreBeside ?? (await this.#ignoreFile(ignoreStep, signal));
      return text ? ignorePatterns(text) : [];
    });
    return this.#excluded;
  }

  /** The main context with these paths (patterns of COPY); all of it for undefined. Nothing is fetched yet. */
  main(paths: readonly string[] | undefined, step: () => StepProgress, signal: AbortSignal): SourceTree {
    const { context } = this.#request;
    if (context === undefined) return this.#empty('build context');
    if (context.kind === 'image' || context.kind === 'build')
      throw invalid('the build context is not a directory', 'Use --build-context for images and results of other builds.');
    return this.#lazy('build context', async () => {
      const shown = step();
      return await shown.during(async () => {
        const opened = await this.#open(context, { followPaths: paths ?? [], excludePatterns: this.#excluded }, shown, signal);
        await opened.exclude(this.#excluded);
        return opened;
      });
    });
  }

  /** A named context that is a directory. */
  named(name: string, source: DirectorySource, step: () => StepProgress, signal: AbortSignal): SourceTree {
    const known = this.#trees.get(name);
    if (known) return known;
    const tree = this.#lazy(`context ${name}`, async () => {
      const shown = step();
      return await shown.during(() => this.#openNamed(source, shown, signal));
    });
    this.#trees.set(name, tree);
    return tree;
  }

  async #openNamed(source: DirectorySource, shown: StepProgress, signal: AbortSignal): Promise<OpenContext> {
    if (source.kind !== 'client') return await this.#open(source, EVERYTHING, shown, signal);
    const small = await this.#small(source, ['.dockerignore'], shown, signal);
    const text = await small.readFile('.dockerignore', DOCKERFILE_LIMIT);
    const patterns = text ? ignorePatterns(text) : [];
    const opened = await this.#open(source, { followPaths: [], excludePatterns: patterns }, shown, signal);
    await opened.exclude(patterns);
    return opened;
  }

  async #definition(step: StepProgress, signal: AbortSignal): Promise<{ data: Uint8Array; ignore: Uint8Array | undefined }> {
    const { dockerfile, context } = this.#request;
    if (dockerfile.kind === 'text') return { data: dockerfile.text, ignore: undefined };
    const path = clean(dockerfile.path);
    const source = dockerfile.kind === 'client' ? ({ kind: 'client', directory: dockerfile.directory, sharedKey: '' } as const) : context;
    if (source === undefined || source.kind === 'image' || source.kind === 'build') throw noDockerfile(path);
    const opened = await this.#small(source, [path, `${path}.dockerignore`], step, signal);
    const data = await opened.readFile(path, DOCKERFILE_LIMIT);
    if (!data) throw noDockerfile(path);
    return { data, ignore: await opened.readFile(`${path}.dockerignore`, DOCKERFILE_LIMIT) };
  }

  async #ignoreFile(step: StepProgress, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { context } = this.#request;
    if (context?.kind !== 'client') return undefined;
    try {
      const opened = await this.#small(context, ['.dockerignore'], step, signal);
      return await opened.readFile('.dockerignore', DOCKERFILE_LIMIT);
    } catch (error) {
      // A client that builds without a context serves none.
      if (isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  /** A few files; from what comes whole, that whole. */
  #small(source: DirectorySource, paths: readonly string[], step: StepProgress, signal: AbortSignal): Promise<OpenContext> {
    if (source.kind !== 'client') return this.#open(source, EVERYTHING, step, signal);
    return this.#openNow({ ...source, sharedKey: '' }, { followPaths: paths, excludePatterns: [] }, step, signal);
  }

  #open(source: DirectorySource, filter: DirectoryFilter, step: StepProgress, signal: AbortSignal): Promise<OpenContext> {
    if (source.kind === 'client') return this.#openNow(source, filter, step, signal);
    const known = this.#whole.get(source);
    if (known) return known;
    const opening = this.#openNow(source, EVERYTHING, step, signal);
    this.#whole.set(source, opening);
    return opening;
  }

  async #openNow(source: DirectorySource, filter: DirectoryFilter, step: StepProgress, signal: AbortSignal): Promise<OpenContext> {
    const id = step.name.includes('definition') ? 'transferring dockerfile:' : 'transferring context:';
    const count = step.counter(id, 'transferring');
    let received = 0;
    const progress = (bytes: number) => {
      received = bytes;
      count(bytes, 0);
    };
    const opened = this.#undo.use(await this.#parts.sources.open(source, { client: this.#request.client, filter, progress }, signal));
    count(received, 0, true);
    return opened;
  }

  #lazy(label: string, open: () => Promise<OpenContext>): SourceTree {
    let opening: Promise<OpenContext> | undefined;
    let opened: OpenContext | undefined;
    return {
      label,
      async root() {
        opening ??= open();
        opened = await opening;
        return await opened.tree.root();
      },
      knownDigest: (path) => opened?.tree.knownDigest(path),
      async index() {
        opening ??= open();
        opened = await opening;
        return await opened.tree.index?.();
      },
    };
  }

  #empty(label: string): SourceTree {
    const folder = join(this.#parts.scratch, this.#parts.ids.next().slice(0, 20));
    return {
      label,
      root: async () => {
        if (await mkdir(folder, { recursive: true, mode: 0o755 })) this.#undo.defer(() => removeTree(this.#parts.scratch, folder));
        return folder;
      },
      knownDigest: () => undefined,
    };
  }

  /** A directory with nothing in it. */
  emptyTree(): SourceTree {
    return this.#empty('scratch');
  }
}

const clean = (path: string): string => posix.normalize(`/${path}`).slice(1);

function noDockerfile(path: string): GantryError {
  return notFound(
    `failed to read dockerfile: open ${path}: no such file or directory`,
    'Name the Dockerfile with -f, or give a context that has one.',
  );
}
