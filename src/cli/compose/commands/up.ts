import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, int, list, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import type { Context } from '../engine/context.ts';
import { type ImageStep, type ImageWishes, imageStep, provideImages } from '../engine/images.ts';
import { imageName } from '../engine/make.ts';
import { waitEnded, waitReady } from '../engine/ready.ts';
import { carryOut, planProject, type UpWishes } from '../engine/up.ts';
import { inOrder, needsOf } from '../plan/order.ts';
import type { Project, Service } from '../project/project.ts';
import { plannedSteps, planTable } from '../view/plan.ts';
import { interruptibly } from './interrupt.ts';
import { chooseContainers, mayColour, openContext, openProject, parseScales } from './open.ts';

/** How images come to be there. */
export const IMAGE_FLAGS = [
  bool('build', 'Build images before, whether they are there or not'),
  bool('no-build', 'Never build, also when an image is missing'),
  text('pull', 'When to fetch images', { choices: ['always', 'missing', 'never', 'policy', 'build'] }),
  bool('quiet-pull', 'Show no progress of fetching'),
];

/** Flags of `up` that `create` has too. */
export const MAKE_FLAGS = [
  ...IMAGE_FLAGS,
  bool('force-recreate', 'Replace containers that have not changed, too'),
  bool('no-recreate', 'Leave containers that are there as they are'),
  bool('remove-orphans', 'Remove containers of services that the files do not have'),
  list('scale', 'Number of containers of a service (SERVICE=NUMBER)'),
];

function check(flags: Flags): void {
  const clash = (a: string, b: string) => {
    if (flags.bool(a) && (flags.given(b) || flags.bool(b))) throw new CommandFailure(`--${a} and --${b} are incompatible`);
  };
  clash('force-recreate', 'no-recreate');
  clash('build', 'no-build');
  if (flags.bool('detach'))
    for (const other of ['abort-on-container-exit', 'abort-on-container-failure', 'exit-code-from', 'attach']) clash('detach', other);
}

/** What nobody asked to be otherwise. */
export const plainWishes = (services: readonly string[]): UpWishes => ({
  services,
  noDeps: false,
  scale: new Map(),
  force: false,
  forceNeeds: false,
  noRecreate: false,
  removeOrphans: false,
  noStart: false,
  rollBack: false,
  renewVolumes: false,
});

export function upWishes(flags: Flags, services: readonly string[], more: Partial<UpWishes> = {}): UpWishes {
  return {
    ...plainWishes(services),
    scale: parseScales(flags.list('scale')),
    force: flags.bool('force-recreate'),
    noRecreate: flags.bool('no-recreate'),
    removeOrphans: flags.bool('remove-orphans'),
    ...more,
  };
}

const servicesOf = (project: Project, wishes: UpWishes) =>
  inOrder(project, wishes.services, !wishes.noDeps).map((name) => project.services.get(name) as Service);

export function imageWishes(flags: Flags): ImageWishes {
  const pull = flags.text('pull');
  return {
    build: flags.bool('build') || pull === 'build',
    noBuild: flags.bool('no-build'),
    pull: pull === 'policy' || pull === 'build' ? '' : pull,
    quiet: flags.bool('quiet-pull'),
  };
}

/** Sees to the images, plans, and does it. */
export async function bringUp(context: Context, flags: Flags, wishes: UpWishes): Promise<void> {
  const images = await provideImages(context, servicesOf(context.project, wishes), imageWishes(flags));
  await carryOut(context, await planProject(context, wishes, images), wishes, images);
}

/** Prints what would be done. Nothing is fetched or built: what that would bring is not known. */
async function showPlan(context: Context, flags: Flags, wishes: UpWishes): Promise<void> {
  const images = new Map<string, string>();
  const imageSteps: ImageStep[] = [];
  for (const service of servicesOf(context.project, wishes)) {
    const name = imageName(context, service);
    const id = await context.api.imageId(name);
    if (id !== undefined) images.set(service.name, id);
    const step = imageStep(service, name, id !== undefined, imageWishes(flags));
    if (step && !imageSteps.some((other) => other.name === step.name)) imageSteps.push(step);
  }
  const steps = plannedSteps(await planProject(context, wishes, images), imageSteps, wishes.removeOrphans);
  const { session } = context;
  session.out(flags.text('format') === 'json' ? `${JSON.stringify(steps, undefined, 2)}\n` : planTable(steps));
}

async function waitForAll(context: Context, services: readonly string[]): Promise<void> {
  const containers = await chooseContainers(context, services);
  const needs = [...context.project.services.keys()].flatMap((name) => needsOf(context.project, name));
  const jobs = new Set(needs.flatMap((need) => (need.condition === 'service_completed_successfully' ? need.service : [])));
  await Promise.all(
    containers.map(async ({ id, name, service }) => {
      context.progress.set(`Container ${name}`, 'Waiting');
      // Others wait for the end of such a one: it is not meant to go on.
      if (jobs.has(service) && (await waitEnded(context, id)) === 0) return context.progress.set(`Container ${name}`, 'Exited', 'done');
      await waitReady(context, id, name).catch((error: unknown) => {
        context.progress.set(`Container ${name}`, 'Error', 'failed');
        throw error;
      });
      context.progress.set(`Container ${name}`, 'Healthy', 'done');
    }),
  );
}

function bounded(context: Context, seconds: number): Context {
  return seconds > 0 ? { ...context, signal: AbortSignal.any([context.signal, AbortSignal.timeout(seconds * 1000)]) } : context;
}

/** All until the project is as it should be. */
async function make(context: Context, flags: Flags, wishes: UpWishes): Promise<void> {
  using _progress = context.progress;
  await bringUp(context, flags, wishes);
  if (!flags.bool('wait')) return;
  const patience = flags.number('wait-timeout');
  const patient = bounded(context, patience);
  await waitForAll(patient, wishes.services).catch((error: unknown) => {
    throw patient.signal.aborted && !context.signal.aborted ? new CommandFailure(`not ready after ${patience} seconds`, 1, error) : error;
  });
}

async function run(session: Session, flags: Flags, services: readonly string[]): Promise<number> {
  check(flags);
  const project = openProject(session, services);
  const wishes = upWishes(flags, services, {
    noDeps: flags.bool('no-deps'),
    forceNeeds: flags.bool('always-recreate-deps'),
    noStart: flags.bool('no-start'),
    rollBack: flags.bool('rollback'),
    renewVolumes: flags.bool('renew-anon-volumes'),
  });
  const context = await openContext(session, project, flags.given('timeout') ? flags.number('timeout') : undefined);
  if (flags.bool('dry-run')) {
    await showPlan(context, flags, wishes);
    return 0;
  }
  const begun = session.clock.now();
  await interruptibly(session, (signal) => make({ ...context, signal }, flags, wishes));
  if (flags.bool('detach') || flags.bool('wait') || flags.bool('no-start')) return 0;
  const { attachTo } = await import('../view/attached.ts');
  return await attachTo(context, {
    services: flags.list('attach').length > 0 ? flags.list('attach') : services.length > 0 ? services : [...project.services.keys()],
    since: begun,
    prefix: !flags.bool('no-log-prefix'),
    colour: !flags.bool('no-color') && mayColour(session),
    timestamps: flags.bool('timestamps'),
    untilFirst: flags.bool('abort-on-container-exit') || flags.text('exit-code-from') !== '',
    untilFailure: flags.bool('abort-on-container-failure'),
    codeFrom: flags.text('exit-code-from'),
  });
}

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  about:
    'Makes, replaces and starts what is needed to have what the files say, and shows the logs.\n\nA service that changed is replaced one container at a time: the new one gets ready, takes over\nports and names, and the old one ends when its connections have ended. --dry-run tells before.',
  flags: [
    ...MAKE_FLAGS,
    bool('abort-on-container-exit', 'Stop all when one container ends'),
    bool('abort-on-container-failure', 'Stop all when one container ends with a failure'),
    bool('always-recreate-deps', 'With --force-recreate: replace services that are needed, too'),
    list('attach', 'Show the logs of this service only (repeatable)'),
    bool('detach', 'Leave it running in the background', { short: 'd' }),
    bool('dry-run', 'Print what would be done, and do nothing'),
    text('exit-code-from', 'Stop all when this service ends, and take its exit code'),
    text('format', 'Of --dry-run', { choices: ['table', 'json'], default: 'table' }),
    bool('no-color', 'Logs without colours'),
    bool('no-deps', 'Only the services named, not those that they need'),
    bool('no-log-prefix', 'Logs without names'),
    bool('no-start', 'Make containers and do not start them'),
    bool('renew-anon-volumes', 'Let anonymous volumes of new containers begin empty', { short: 'V' }),
    bool('rollback', 'When an update fails, put back the containers that were replaced before'),
    int('timeout', 'Seconds that a container gets to stop', { short: 't' }),
    bool('timestamps', 'Put the time before each line of the logs'),
    bool('wait', 'Wait until all are running or healthy; implies -d'),
    int('wait-timeout', 'Most seconds to wait'),
    bool('yes', 'Kept for scripts: nothing is asked', { short: 'y', hidden: true }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  run,
};
export default command;
