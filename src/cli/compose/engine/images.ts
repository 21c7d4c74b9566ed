import { jsonStream } from '../../client/index.ts';
import { authHeader } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { parseReference } from '../../format/reference.ts';
import type { ProgressMessage } from '../../terminal/index.ts';
import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { buildService } from './build.ts';
import type { Context } from './context.ts';
import { imageName } from './make.ts';

export interface ImageWishes {
  /** Build where there is a build section, whether the image is there or not. */
  readonly build: boolean;
  readonly noBuild: boolean;
  /** `always`, `missing`, `never`, `build`, or '' for what each service says. */
  readonly pull: string;
  readonly quiet: boolean;
}

/** How the image of one service comes to be there. */
export interface ImageStep {
  readonly action: 'build' | 'pull';
  readonly service: string;
  readonly name: string;
  readonly because: string;
}

/** Decides for one service; undefined when its image is `there` and will do. Throws `CommandFailure` when it is not, and may not come. */
export function imageStep(service: Service, name: string, there: boolean, wishes: ImageWishes): ImageStep | undefined {
  const section = new Section(service.definition);
  const policy = wishes.pull || (section.text('pull_policy') ?? 'missing');
  const step = (action: ImageStep['action'], because: string) => ({ action, service: service.name, name, because });
  if (section.has('build') && !wishes.noBuild) {
    if (wishes.build || policy === 'build') return step('build', 'it is built each time');
    if (!there && (policy !== 'always' || !section.has('image'))) return step('build', 'it is not there');
  }
  if (!there && !section.has('image'))
    throw new CommandFailure(`services.${service.name}: its image is not there, and --no-build forbids to build it`);
  if (policy === 'always' && section.has('image')) return step('pull', 'it is fetched each time');
  if (there) return undefined;
  if (policy !== 'never') return step('pull', 'it is not there');
  throw new CommandFailure(`services.${service.name}: image ${name} is not there, and its pull policy is never`);
}

/** Sees that the image of each service is there, and resolves to their ids. */
export async function provideImages(context: Context, services: readonly Service[], wishes: ImageWishes): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  const pulls = new Map<string, Promise<void>>();
  const builds: Service[] = [];
  await Promise.all(
    services.map(async (service) => {
      const name = imageName(context, service);
      const step = imageStep(service, name, (await context.api.imageId(name)) !== undefined, wishes);
      if (step?.action === 'build') builds.push(service);
      else if (step) await once(pulls, name, () => pull(context, name, new Section(service.definition).text('platform'), wishes.quiet));
    }),
  );
  // One after the other: one may be built on the result of another, and their output stays readable.
  for (const service of inBuildOrder(builds))
    await buildService(context, service, { quiet: wishes.quiet, pull: false, noCache: false, args: [] });
  for (const service of services) {
    const id = await context.api.imageId(imageName(context, service));
    if (id === undefined) throw new CommandFailure(`services.${service.name}: image ${imageName(context, service)} is not there after all`);
    ids.set(service.name, id);
  }
  return ids;
}

function once(running: Map<string, Promise<void>>, name: string, work: () => Promise<void>): Promise<void> {
  const known = running.get(name) ?? work();
  running.set(name, known);
  return known;
}

/** Services whose builds others take as `service:NAME` go first. */
export function inBuildOrder(services: readonly Service[]): Service[] {
  const done: Service[] = [];
  const visit = (service: Service) => {
    if (done.includes(service)) return;
    for (const [, context] of new Section(service.definition).section('build').entries('additional_contexts')) {
      const other = /^service:(.+)$/.exec(String(context))?.[1];
      const needed = services.find(({ name }) => name === other);
      if (needed && needed !== service) visit(needed);
    }
    done.push(service);
  };
  for (const service of services) visit(service);
  return done;
}

/** Fetches one image, shown as one row. */
export async function pull(context: Context, name: string, platform: string | undefined, quiet: boolean): Promise<void> {
  const { progress, session, api } = context;
  const what = `Image ${name}`;
  const reference = parseReference(name);
  progress.set(what, 'Pulling');
  const reply = await api.client.stream('POST', '/images/create', {
    query: { fromImage: reference.familiar, tag: reference.digest ?? reference.tag ?? 'latest', platform },
    headers: await authHeader(session, reference.registry),
    signal: context.signal,
  });
  await follow(reply, (share) => {
    if (!quiet && session.stderr.isTTY) progress.set(what, `Pulling ${share}`);
  }).catch((error: unknown) => {
    progress.set(what, 'Error', 'failed');
    throw error;
  });
  progress.set(what, 'Pulled', 'done');
}

/** Reads the messages of a pull or push to their end, and tells how far it is. Throws `CommandFailure` with the engine's words. */
export async function follow(reply: AsyncIterable<Buffer>, tell: (share: string) => void): Promise<void> {
  const parts = new Map<string, { current: number; total: number }>();
  for await (const value of jsonStream(reply)) {
    const message = value as ProgressMessage;
    const reason = message.errorDetail?.message ?? message.error;
    if (reason !== undefined) throw new CommandFailure(reason);
    const { current, total } = message.progressDetail ?? {};
    if (message.id === undefined || !total) continue;
    parts.set(message.id, { current: current ?? 0, total });
    const all = [...parts.values()];
    const done = all.reduce((sum, part) => sum + part.current, 0) / all.reduce((sum, part) => sum + part.total, 0);
    tell(`${Math.min(100, Math.floor(done * 100))} %`);
  }
}

export async function push(context: Context, name: string, quiet: boolean): Promise<void> {
  const { imagePath } = await import('../../commands/each.ts');
  const { progress, session, api } = context;
  const reference = parseReference(name);
  const what = `Image ${name}`;
  progress.set(what, 'Pushing');
  const reply = await api.client.stream('POST', imagePath(reference.familiar, '/push'), {
    query: { tag: reference.tag ?? 'latest' },
    headers: await authHeader(session, reference.registry),
    signal: context.signal,
  });
  await follow(reply, (share) => {
    if (!quiet && session.stderr.isTTY) progress.set(what, `Pushing ${share}`);
  }).catch((error: unknown) => {
    progress.set(what, 'Error', 'failed');
    throw error;
  });
  progress.set(what, 'Pushed', 'done');
}
