import { type BuildPlan, type StageToMake, sourcesOf } from './build-plan.ts';
import { longName } from './images.ts';
import type { StepProgress } from './progress.ts';

export interface AnnouncedStage {
  /** Undefined for a stage on nothing, or on another stage. */
  from: StepProgress | undefined;
  /** By the position of the step; undefined for those that make no layer. */
  steps: readonly (StepProgress | undefined)[];
  /** Tells that a FROM which has nothing to do has its turn; the id is the entry of the cache that the other stage came to. */
  passFrom(entry: string | undefined): void;
  /** Tells that the instruction at a position has its turn; for those that make no layer. */
  pass(index: number): void;
  /** Id of what stands at its end. */
  last: string | undefined;
}

/** Tells of every step that a build will have, so that those who watch see what is to come. */
export function announceSteps(plan: BuildPlan): { contextStep: StepProgress | undefined; stages: ReadonlyMap<number, AnnouncedStage> } {
  const used = plan.stages.flatMap(({ evaluated }) => evaluated.steps.flatMap(({ work }) => sourcesOf(work)));
  const usesContext = used.some(({ kind }) => kind === 'context');
  const contextStep = usesContext ? plan.progress.announce('[internal] load build context') : undefined;
  const stages = new Map<number, AnnouncedStage>();
  const of = plan.stages.reduce((sum, { evaluated }) => sum + 1 + evaluated.steps.length, 0);
  let number = 0;
  for (const stage of plan.stages) {
    stages.set(stage.planned.stage.index, announceStage(plan, stage, stages, contextStep, number, of));
    number += 1 + stage.evaluated.steps.length;
  }
  return { contextStep, stages };
}

function announceStage(
  plan: BuildPlan,
  { planned, base, evaluated }: StageToMake,
  before: ReadonlyMap<number, AnnouncedStage>,
  contextStep: StepProgress | undefined,
  offset: number,
  of: number,
): AnnouncedStage {
  const making = evaluated.steps.filter(({ work }) => work !== undefined).length;
  const hasGround = base.kind !== 'scratch' && base.kind !== 'stage';
  const total = making + 1;
  const label = planned.label === '' ? '' : `${planned.label} `;
  const stageName = planned.stage.name || String(planned.stage.index);
  const title = (position: number, text: string) => `[${label}${String(position).padStart(String(total).length)}/${total}] ${text}`;
  const place = (index: number, text: string) => ({ stage: stageName, text, number: offset + index + 1, of });
  const from = hasGround
    ? plan.progress.announce(title(1, `FROM ${nameOfBase({ planned, base, evaluated })}`), [], place(0, planned.stage.text))
    : undefined;
  let last = from?.id ?? (base.kind === 'stage' ? before.get(base.index)?.last : undefined);
  let position = 1;
  const steps = evaluated.steps.map((step, index) => {
    if (!step.work) return undefined;
    position += 1;
    const inputs = sourcesOf(step.work).flatMap((source) => {
      const id = source.kind === 'context' ? contextStep?.id : source.kind === 'stage' ? before.get(source.index)?.last : undefined;
      return id === undefined ? [] : [id];
    });
    const shown = plan.progress.announce(
      title(position, step.text),
      [...(last === undefined ? [] : [last]), ...inputs],
      place(index + 1, step.text),
    );
    last = shown.id;
    return shown;
  });
  const pass = (index: number) => {
    const text = evaluated.steps[index]?.text ?? '';
    plan.progress.passConfiguration(text, place(index + 1, text));
  };
  const passFrom = (entry: string | undefined) => {
    const { text } = planned.stage;
    plan.progress.passConfiguration(text, place(0, text), entry === undefined ? undefined : { kind: 'cache', id: entry });
  };
  return { from, steps, passFrom, pass, last };
}

function nameOfBase({ planned, base }: StageToMake): string {
  if (base.kind === 'image' && planned.base.kind === 'image') return longName(planned.base.reference);
  return planned.base.kind === 'context' ? `context ${planned.base.name}` : 'scratch';
}
