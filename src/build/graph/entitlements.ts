import { GantryError } from '../../base/index.ts';
import type { BuildPlan } from './build-plan.ts';

/** A step that asks for more than usual needs both the client's and the daemon's leave. Fails with `denied`, in Docker's words. */
export function checkEntitlements(plan: BuildPlan, allowed: readonly string[]): void {
  for (const wanted of plan.request.entitlements) {
    if (!allowed.includes(wanted))
      throw new GantryError('denied', `granting entitlement ${wanted} is not allowed by build daemon configuration`);
  }
  for (const work of plan.stages.flatMap(({ evaluated }) => evaluated.steps.map((step) => step.work))) {
    if (work?.kind !== 'run') continue;
    if (work.security === 'insecure') need(plan, 'security.insecure');
    if (work.network === 'host' && plan.request.network.kind !== 'host') need(plan, 'network.host');
  }
}

function need(plan: BuildPlan, entitlement: string): void {
  if (plan.request.entitlements.includes(entitlement)) return;
  throw new GantryError('denied', `failed to load LLB: ${entitlement} is not allowed`, {
    hint: `Allow it for this build: docker buildx build --allow ${entitlement}`,
  });
}
