import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommandFailure } from '../../failure.ts';
import { parseFlags } from '../../flags/index.ts';
import { isRemote } from '../project/paths.ts';
import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import type { Context } from './context.ts';
import { imageName } from './make.ts';

export interface BuildWishes {
  readonly quiet: boolean;
  readonly pull: boolean;
  readonly noCache: boolean;
  /** More arguments, NAME=value. */
  readonly args: readonly string[];
}

/** What only BuildKit's protocol carries: `docker buildx` speaks it, this command does not. */
const BUILDKIT_ONLY: readonly string[] = [
  'additional_contexts',
  'secrets',
  'ssh',
  'cache_to',
  'platforms',
  'entitlements',
  'provenance',
  'sbom',
  'privileged',
];

function buildFlags(context: Context, service: Service, build: Section, wishes: BuildWishes): string[] {
  const each = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  const given = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, value]);
  const pairs = (key: string) => build.entries(key).flatMap(([name, value]) => (value === null ? [] : `${name}=${value}`));
  const folder = build.text('context') ?? '.';
  const dockerfile = build.text('dockerfile');
  return [
    ...each('--tag', [imageName(context, service), ...build.texts('tags')]),
    ...given('--file', dockerfile === undefined ? undefined : isRemote(folder) ? dockerfile : path.resolve(folder, dockerfile)),
    ...each('--build-arg', [...pairs('args'), ...wishes.args]),
    ...each('--label', pairs('labels')),
    ...each('--cache-from', build.texts('cache_from')),
    ...each(
      '--add-host',
      build.entries('extra_hosts').flatMap(([name, addresses]) => [addresses].flat().map((one) => `${name}:${one}`)),
    ),
    ...each(
      '--ulimit',
      build.entries('ulimits').map(([name, value]) => {
        const both = new Section(value);
        return `${name}=${both.has('soft') ? `${both.text('soft')}:${both.text('hard')}` : String(value)}`;
      }),
    ),
    ...given('--target', build.text('target')),
    ...given('--network', build.text('network')),
    ...given('--shm-size', build.text('shm_size')),
    ...given('--platform', new Section(service.definition).text('platform')),
    ...(build.truth('no_cache') || wishes.noCache ? ['--no-cache'] : []),
    ...(build.truth('pull') || wishes.pull ? ['--pull'] : []),
  ];
}

/** Builds the image of one service as `gantry build` does, its output on the error output. Throws `CommandFailure`. */
export async function buildService(context: Context, service: Service, wishes: BuildWishes): Promise<void> {
  const build = new Section(service.definition).section('build');
  const beyond = BUILDKIT_ONLY.find((key) => build.has(key) && build.truth(key) !== false);
  if (beyond !== undefined)
    throw new CommandFailure(
      `services.${service.name}.build.${beyond}: gantry compose does not build with it yet: docker compose build does, and gantry compose up takes the image then`,
    );
  const what = `Image ${imageName(context, service)}`;
  context.progress.set(what, 'Building');
  context.progress.settle();
  const { default: command } = await import('../../commands/image/build.ts');
  const inline = build.text('dockerfile_inline');
  const folder = inline === undefined ? undefined : mkdtempSync(path.join(tmpdir(), 'gantry-compose-'));
  try {
    const words = buildFlags(context, service, build, wishes);
    if (folder !== undefined && inline !== undefined) {
      writeFileSync(path.join(folder, 'Dockerfile'), inline);
      words.push('--file', path.join(folder, 'Dockerfile'));
    }
    if (wishes.quiet) words.push('--quiet');
    const { session } = context;
    // Standard output is for the containers' own.
    const aside = { ...session, stdout: session.stderr, out: wishes.quiet ? () => {} : session.err };
    await command.run(aside, parseFlags(command.flags, words).flags, [build.text('context') ?? '.']);
  } catch (error) {
    context.progress.set(what, 'Error', 'failed');
    throw error instanceof CommandFailure
      ? new CommandFailure(`services.${service.name}: the build failed: ${error.message}`, 17, error)
      : error;
  } finally {
    if (folder !== undefined) await removeFolder(folder);
  }
  context.progress.set(what, 'Built', 'done');
}

async function removeFolder(folder: string): Promise<void> {
  // Loaded on demand: the host room is large, and few builds have their Dockerfile in the file of the project.
  const { removeTree } = await import('../../../host/index.ts');
  await removeTree(tmpdir(), folder);
}
