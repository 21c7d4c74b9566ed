import { CommandFailure } from '../../failure.ts';
import type { ServicePlan } from '../plan/plan.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { type Making, type Replaced, type Replacement, replace } from './replace.ts';

export interface UpdateRules {
  /** Containers at a time. */
  readonly parallelism: number;
  /** Milliseconds between two rounds. */
  readonly delay: number;
  readonly onFailure: 'pause' | 'continue' | 'rollback';
  /** Share of failures that `continue` puts up with. */
  readonly mostFailures: number;
}

/** What the file says of updates of a service. One at a time unless told otherwise; 0 means all at once. */
export function rulesOf({ service }: ServicePlan, rollBack: boolean): UpdateRules {
  const config = new Section(service.definition).section('deploy').section('update_config');
  const parallelism = config.number('parallelism') ?? 1;
  return {
    parallelism: parallelism === 0 ? Number.POSITIVE_INFINITY : parallelism,
    delay: (config.duration('delay') ?? 0) / 1e6,
    onFailure: rollBack ? 'rollback' : ((config.text('failure_action') as UpdateRules['onFailure'] | undefined) ?? 'pause'),
    mostFailures: config.number('max_failure_ratio') ?? 0,
  };
}

/** Replaces the containers of one service by the rules of its file. Throws `CommandFailure` when it did not get to the end. */
export async function updateService(
  context: Context,
  plan: ServicePlan,
  steps: readonly Replacement[],
  rules: UpdateRules,
  making: Making,
): Promise<void> {
  const waiting = [...steps];
  const kept: Replaced[] = [];
  const failures: unknown[] = [];
  while (waiting.length > 0) {
    if (waiting.length < steps.length && rules.delay > 0) await context.session.clock.sleep(rules.delay);
    const round = waiting.splice(0, Math.min(rules.parallelism, waiting.length));
    const results = await Promise.allSettled(round.map((step) => replace(context, plan, step, making)));
    const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    failures.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
    // To go back, the old ones have to be there until the last one is replaced.
    if (rules.onFailure === 'rollback') kept.push(...done);
    else await Promise.all(done.map((one) => one.commit()));
    if (failures.length > 0 && rules.onFailure !== 'continue') break;
  }
  if (failures.length > 0 && rules.onFailure === 'rollback') for (const one of kept.toReversed()) await one.rollBack();
  else await Promise.all(kept.map((one) => one.commit()));
  const borne = rules.onFailure === 'continue' && failures.length / steps.length <= rules.mostFailures;
  if (failures.length > 0 && !borne) throw together(failures, waiting.length);
}

function together(failures: readonly unknown[], left: number): CommandFailure {
  const words = failures.map((error) => (error instanceof Error ? error.message : String(error)));
  return new CommandFailure(
    [...words, ...(left > 0 ? [`${left} more container${left === 1 ? ' was' : 's were'} left as they are`] : [])].join('\n'),
    1,
    failures[0],
  );
}
