import { CommandFailure } from '../../failure.ts';
import { isRunning, type Observed } from '../plan/observed.ts';
import { type Need, needsOf } from '../plan/order.ts';
import type { Plan, ServicePlan, Step } from '../plan/plan.ts';
import type { Service } from '../project/project.ts';
import type { Context } from './context.ts';
import { imageName, type MakeOptions, makeContainer, runHooks } from './make.ts';
import { waitEnded, waitReady } from './ready.ts';
import type { Replacement } from './replace.ts';
import { handsOver, removeContainer, standDown, stopContainer } from './retire.ts';
import { rulesOf, updateService } from './update.ts';

export interface RunWishes {
  readonly noStart: boolean;
  readonly rollBack: boolean;
  /** Anonymous volumes start empty rather than going over to new containers. */
  readonly renewVolumes: boolean;
}

/** A service that was not tried, for one that it needs failed: that one tells why. */
export class NotReached extends CommandFailure {}

/** Does the steps of services, each service after those that it needs. */
export class Runner {
  readonly #context: Context;
  readonly #plans: ReadonlyMap<string, ServicePlan>;
  readonly #wishes: RunWishes;
  readonly #images: ReadonlyMap<string, string>;
  readonly #running = new Map<string, Promise<void>>();
  /** Ids of the containers of each service, for those who wait for them. */
  readonly #names = new Map<string, string[]>();

  constructor(context: Context, plan: Plan, wishes: RunWishes, images: ReadonlyMap<string, string>) {
    this.#context = context;
    this.#plans = new Map(plan.services.map((one) => [one.service.name, one]));
    this.#wishes = wishes;
    this.#images = images;
    for (const { service, steps } of plan.services)
      this.#names.set(
        service.name,
        steps.flatMap((step) => (step.kind === 'remove' ? [] : ['name' in step ? step.name : step.old.name])),
      );
  }

  run(name: string): Promise<void> {
    const known = this.#running.get(name) ?? this.#service(this.#plans.get(name) as ServicePlan);
    this.#running.set(name, known);
    return known;
  }

  async #service(plan: ServicePlan): Promise<void> {
    const { service, steps } = plan;
    const needs = needsOf(this.#context.project, service.name).filter((need) => this.#plans.has(need.service));
    for (const need of needs)
      await this.run(need.service).catch((error: unknown) => {
        if (need.required) throw new NotReached(`services.${service.name} needs ${need.service}`, 1, error);
      });
    const starts = steps.some(({ kind }) => kind !== 'keep' && kind !== 'remove') && !this.#wishes.noStart;
    if (starts) for (const need of needs) await this.#waitFor(service, need);
    this.#context.signal.throwIfAborted();
    await this.#steps(plan);
  }

  async #steps(plan: ServicePlan): Promise<void> {
    const { service, steps } = plan;
    const image = imageName(this.#context, service);
    const making = { image, imageId: this.#images.get(service.name) ?? '', containersOf: (name: string) => this.#names.get(name) ?? [] };
    const replacements = steps.filter((step) => step.kind === 'replace') as Replacement[];
    await Promise.all(steps.filter(({ kind }) => kind !== 'replace').map((step) => this.#step(plan, step, making)));
    if (replacements.length > 0)
      await updateService(this.#context, plan, replacements, rulesOf(plan, this.#wishes.rollBack), {
        ...making,
        renewVolumes: this.#wishes.renewVolumes,
        siblings: steps.length > 1,
      });
  }

  async #step(plan: ServicePlan, step: Step, making: Pick<MakeOptions, 'image' | 'imageId' | 'containersOf'>): Promise<void> {
    const { api, progress, timeout } = this.#context;
    if (step.kind === 'create') {
      progress.set(`Container ${step.name}`, 'Creating');
      const id = await makeContainer(this.#context, plan, { ...making, name: step.name, number: step.number });
      progress.set(`Container ${step.name}`, 'Created', 'done');
      const sibling = plan.steps.find((one) => one.kind === 'keep');
      if (sibling?.kind === 'keep' && !this.#wishes.noStart) await this.#join(plan, id, step.name, sibling.old);
      else await this.#start(plan, id, step.name);
    } else if (step.kind === 'start') await this.#start(plan, step.old.id, step.old.name);
    else if (step.kind === 'keep') progress.set(`Container ${step.old.name}`, 'Running', 'done');
    else if (step.kind === 'restart') {
      progress.set(`Container ${step.old.name}`, `Restarting (${step.because.join(', ')})`);
      await api.restart(step.old.id, timeout);
      progress.set(`Container ${step.old.name}`, 'Started', 'done');
    } else if (step.kind === 'remove') {
      if (isRunning(step.old) && plan.steps.length > 1) await standDown(this.#context, plan.service, step.old);
      if (isRunning(step.old)) await stopContainer(this.#context, plan.service, step.old);
      await removeContainer(this.#context, step.old);
    }
  }

  async #start({ service }: ServicePlan, id: string, name: string): Promise<void> {
    if (this.#wishes.noStart) return;
    this.#context.progress.set(`Container ${name}`, 'Starting');
    try {
      await this.#context.api.start(id);
      await runHooks(this.#context, service, id, 'post_start');
    } catch (error) {
      this.#context.progress.set(`Container ${name}`, 'Error', 'failed');
      throw error;
    }
    this.#context.progress.set(`Container ${name}`, 'Started', 'done');
  }

  /** Starts one more container beside others that serve: nobody is sent to it before it is ready. */
  async #join(plan: ServicePlan, id: string, name: string, sibling: Observed): Promise<void> {
    const { api, progress } = this.#context;
    if (!(await handsOver(this.#context, plan.service, sibling))) return await this.#start(plan, id, name);
    await api.standBy(id);
    await this.#start(plan, id, name);
    progress.set(`Container ${name}`, 'Waiting');
    try {
      await waitReady(this.#context, id, name);
    } catch (error) {
      progress.set(`Container ${name}`, 'Error', 'failed');
      throw error;
    }
    await api.takeOver(id);
    progress.set(`Container ${name}`, 'Ready', 'done');
  }

  async #waitFor(service: Service, { service: other, condition, required }: Need): Promise<void> {
    if (condition === 'service_started') return;
    const { progress } = this.#context;
    for (const name of this.#names.get(other) ?? []) {
      progress.set(`Container ${name}`, 'Waiting');
      try {
        if (condition === 'service_healthy') await this.#healthy(name, other);
        else await this.#completed(name);
        progress.set(`Container ${name}`, condition === 'service_healthy' ? 'Healthy' : 'Exited', 'done');
      } catch (error) {
        progress.set(`Container ${name}`, 'Error', 'failed');
        if (required)
          throw new CommandFailure(
            `services.${service.name} cannot start: it needs ${other}: ${error instanceof Error ? error.message : error}`,
            1,
            error,
          );
      }
    }
  }

  async #healthy(name: string, service: string): Promise<void> {
    const inspected = await this.#context.api.inspect(name);
    if (inspected.State.Running && !inspected.State.Health)
      throw new CommandFailure(`${service} has no healthcheck, so that it cannot become healthy`);
    await waitReady(this.#context, name, name);
  }

  async #completed(name: string): Promise<void> {
    const code = await waitEnded(this.#context, name);
    if (code !== 0) throw new CommandFailure(`container ${name} ended with exit code ${code}`);
  }
}
