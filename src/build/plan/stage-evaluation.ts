import type { SourceRange } from '../builder.ts';
import type { Instruction, InstructionBase } from '../dockerfile/dockerfile.ts';
import { type ExpandOptions, expandWord, type Variables } from '../dockerfile/expand.ts';
import { suggest } from '../dockerfile/suggest.ts';
import type { Linter } from './lint/linter.ts';
import type { RuleName } from './lint/rules.ts';
import type { FileSource, PlanContext, PlannedStage, PlannedStep, StepWork } from './plan.ts';
import { checkReference, matchContext } from './stages.ts';
import type { StageState } from './state.ts';

/** History's comment of each entry. */
const COMMENT = 'buildkit.dockerfile.v0';

/** A stage while its instructions are gone through. */
export class StageEvaluation {
  readonly state: StageState;
  readonly context: PlanContext;
  readonly planned: PlannedStage;
  readonly steps: PlannedStep[] = [];
  readonly alsoNeeds = new Set<number>();
  readonly linter: Linter | undefined;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK stood last in this stage. */
  readonly lastOf = new Map<string, SourceRange>();
  /** The instruction at hand came with the base image. */
  isTrigger = false;

  constructor(context: PlanContext, planned: PlannedStage, state: StageState, linter: Linter | undefined) {
    this.context = context;
    this.planned = planned;
    this.state = state;
    this.linter = linter;
  }

  get variables(): Variables {
    return this.state.variables;
  }

  /** A word with its variables put in and its quotes gone. */
  expand(word: string, at: InstructionBase, options: Partial<ExpandOptions> = {}): string {
    const expanded = expandWord(word, this.variables, { escape: this.context.dockerfile.escape, ...options });
    this.#reportMissing(expanded.missing, at);
    return expanded.text;
  }

  /** A line for people: what can't be expanded is shown as it is. */
  shown(text: string, options: Partial<ExpandOptions> = {}, variables: Variables = this.variables): string {
    let line = text;
    try {
      line = expandWord(text, variables, { escape: this.context.dockerfile.escape, ...options }).text;
    } catch {
      // Such as a quote that the shell closes elsewhere: this is no error, only not prettier.
    }
    const at = line.indexOf(' ');
    const upper = at < 0 ? line.toUpperCase() : line.slice(0, at).toUpperCase() + line.slice(at);
    return this.isTrigger ? `ONBUILD ${upper}` : upper;
  }

  /** Ends an instruction that makes an entry in the history. */
  commit(at: InstructionBase, createdBy: string, more: { text?: string; layer?: boolean; work?: StepWork } = {}): void {
    const text = more.text ?? (this.isTrigger ? `ONBUILD ${at.text}` : at.text);
    this.steps.push({ text, range: at.range, createdBy, comment: COMMENT, emptyLayer: !more.layer, work: more.work });
  }

  report(rule: RuleName, detail: string, at: InstructionBase, range: SourceRange = at.range): void {
    this.linter?.report(rule, detail, range, at.comments);
  }

  /** Where files of `--from=…` come from; numbers are stages only for COPY. */
  sourceOf(from: string | undefined, at: Instruction): FileSource {
    if (from === undefined) return { kind: 'context' };
    const index = at.name === 'COPY' && /^[+-]?\d+$/.test(from) ? Number(from) : this.context.stageNames.get(from.toLowerCase());
    if (index !== undefined) {
      if (this.isTrigger) this.alsoNeeds.add(index);
      return { kind: 'stage', index };
    }
    if (from === 'scratch') return { kind: 'empty' };
    const name = matchContext(from, this.context.options.namedContexts);
    if (name !== undefined) return { kind: 'named-context', name };
    checkReference(from, at.range);
    return { kind: 'image', reference: from };
  }

  #reportMissing(missing: ReadonlySet<string>, at: InstructionBase): void {
    // Variables of a base image that nobody looked at may be anything.
    if (!this.linter || !this.state.baseKnown) return;
    for (const name of missing) {
      if (this.state.arguments.some(({ key }) => key === name)) continue;
      const meant = suggest(name, this.state.variables.keys());
      this.report('UndefinedVar', `Usage of undefined variable '$${name}'${meant ? ` (did you mean $${meant}?)` : ''}`, at);
    }
  }
}
