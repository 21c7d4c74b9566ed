import type { BuildEvent, BuildStep } from '../../../build/index.ts';
import type { ProgressStream } from './progress.ts';

/** Draws how a build goes as the classic builder's lines: a step when it begins, what it writes, whether the cache had it. */
export class BuildOutput {
  readonly #stream: ProgressStream;
  readonly #begun = new Set<string>();
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

  #step(step: BuildStep): void {
    const { id, instruction, started, cached } = step;
    if (!instruction || started === undefined || this.#begun.has(id)) return;
    this.#begun.add(id);
    this.line(`Step ${instruction.number}/${instruction.of} : ${instruction.text}\n`);
    if (cached) this.line(' ---> Using cache\n');
  }

  /** Output comes in pieces that may end within a character. */
  #decode(key: string, data: Uint8Array): string {
    const decoder = this.#decoders.get(key) ?? new TextDecoder();
    this.#decoders.set(key, decoder);
    return decoder.decode(data, { stream: true });
  }
}
