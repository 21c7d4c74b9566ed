import { layOut } from '../../table/index.ts';
import type { ImageStep } from '../engine/images.ts';
import type { UpPlan } from '../engine/up.ts';
import type { Manner } from '../plan/manner.ts';
import type { Step } from '../plan/plan.ts';

/** One thing that `up` would do. */
export interface PlannedStep {
  readonly Kind: 'image' | 'network' | 'volume' | 'container';
  readonly Name: string;
  readonly Service: string;
  /** pull, build; create, replace, start, restart, remove, keep; undo and finish for an update that was cut short. */
  readonly Action: string;
  /** What changed, or why it goes. */
  readonly Reasons: readonly string[];
  /** How a container is replaced. */
  readonly Order: string;
  readonly OrderReason: string;
}

const step = (one: Partial<PlannedStep> & Pick<PlannedStep, 'Kind' | 'Name' | 'Action'>): PlannedStep => ({
  Service: '',
  Reasons: [],
  Order: '',
  OrderReason: '',
  ...one,
});

/** All that a plan comes to, in the order in which it would happen. */
export function plannedSteps(plan: UpPlan, images: readonly ImageStep[], removeOrphans: boolean): PlannedStep[] {
  return [
    ...images.map(({ action, name, service, because }) =>
      step({ Kind: 'image', Name: name, Service: service, Action: action, Reasons: [because] }),
    ),
    ...plan.networks.map(({ name }) => step({ Kind: 'network', Name: name, Action: 'create' })),
    ...plan.volumes.map(({ name }) => step({ Kind: 'volume', Name: name, Action: 'create' })),
    ...plan.leftovers.map(({ kind, fresh }) =>
      step({ Kind: 'container', Name: fresh.name, Service: fresh.service, Action: kind, Reasons: ['an update of it was cut short'] }),
    ),
    ...plan.orphans.map((one) =>
      step({
        Kind: 'container',
        Name: one.name,
        Service: one.service,
        Action: removeOrphans ? 'remove' : 'keep',
        Reasons: ['its service is not in the files'],
      }),
    ),
    ...plan.services.flatMap(({ service, steps }) => steps.map((one) => planned(one, service.name))),
  ];
}

function planned(one: Step, service: string): PlannedStep {
  const name = 'name' in one ? one.name : one.old.name;
  const manner: Partial<Manner> = 'manner' in one ? one.manner : {};
  return step({
    Kind: 'container',
    Name: name,
    Service: service,
    Action: one.kind,
    Reasons: 'because' in one ? one.because : [],
    Order: manner.order ?? '',
    OrderReason: manner.why ?? '',
  });
}

export function planTable(steps: readonly PlannedStep[]): string {
  if (steps.length === 0) return 'Nothing to do.\n';
  const rows = steps.map(({ Action, Kind, Name, Reasons, Order, OrderReason }) => [
    Action,
    Kind,
    Name,
    Reasons.join(', '),
    Order === '' ? '' : `${Order}${OrderReason === '' ? '' : `: ${OrderReason}`}`,
  ]);
  return layOut([['ACTION', 'KIND', 'NAME', 'BECAUSE', 'HOW'], ...rows].map((cells) => `${cells.join('\t').trimEnd()}\n`).join(''), {
    least: 8,
    padding: 3,
  });
}
