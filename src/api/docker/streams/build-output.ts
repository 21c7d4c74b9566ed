import type { BuildEvent, BuildStep } from '../../../build/index.ts';
import type { ProgressStream } from './progress.ts';

/**
 * Draws how a build goes as the classic builder's lines: a step when it begins, where it runs, what it writes, what it came to. The ids are
 * real ones: those of images, of the build cache's entries, of containers in the runtime. A step that has none goes without the line.
 */
export class BuildOutput {
  readonly #stream: ProgressStream;
  readonly #told = new Set<string>();
  readonly #decoders = new Map<string, TextDecoder>();

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  readonly observe = (event: BuildEvent): void => {
    if (event.kind === 'step') this.#step(event.step);
    else if (event.kind === 'log') this.line(this.#decode(`${event.stepId} ${event.stream}`, event.data));
    else if (event.kind === 'warning') this.line(`[Warning] ${event.warning.rule}: ${event.warning.detail}\n`);
  };

  line(text: string): void {
    if (text !== '') this.#stream.message({ stream: text });
  }

  /** The last step came to the image. */
  built(imageId: string): void {
    this.line(` ---> ${short(imageId)}\n`);
    this.line(`Successfully built ${short(imageId)}\n`);
  }

  #step(step: BuildStep): void {
    const { id, instruction, started, completed, error, container } = step;
    if (!instruction || started === undefined) return;
    if (this.#isNew(`${id} begun`)) this.line(`Step ${instruction.number}/${instruction.of} : ${instruction.text}\n`);
    if (container !== undefined && this.#isNew(`${id} runs`)) this.line(` ---> Running in ${short(container)}\n`);
    if (completed !== undefined && error === undefined && this.#isNew(`${id} done`)) this.#done(step);
  }

  #done({ container, cached, result, instruction }: BuildStep): void {
    if (container !== undefined) this.line(` ---> Removed intermediate container ${short(container)}\n`);
    if (cached && result?.kind === 'cache') this.line(' ---> Using cache\n');
    if (result && instruction && instruction.number < instruction.of) this.line(` ---> ${short(result.id)}\n`);
  }

  #isNew(what: string): boolean {
    if (this.#told.has(what)) return false;
    this.#told.add(what);
    return true;
  }

  /** Output comes in pieces that may end within a character. */
  #decode(key: string, data: Uint8Array): string {
    const decoder = this.#decoders.get(key) ?? new TextDecoder();
    this.#decoders.set(key, decoder);
    return decoder.decode(data, { stream: true });
  }
}

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12);
