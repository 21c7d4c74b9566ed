import { describe, GantryError, invalid, silentLog } from '../../base/index.ts';
import { GC_HELP, REGISTRY_HELP, SERVE_HELP } from './help.ts';
import { parseRegistryOptions } from './options.ts';

/** `gantry registry …`. Resolves to the exit code; a failure has been told by then. */
export async function runRegistryCommand(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    const hint = error instanceof GantryError && error.hint ? `\n${error.hint}` : '';
    process.stderr.write(`gantry registry: ${describe(error)}${hint}\n`);
    return 1;
  }
}

async function dispatch([command, ...rest]: readonly string[]): Promise<number> {
  if (command === 'serve') return await serve(rest);
  if (command === 'gc') return await collect(rest);
  if (command === 'user') return await (await import('./users.ts')).runUserCommand(rest);
  if (command === 'team') return await (await import('./teams.ts')).runTeamCommand(rest);
  if (command === 'robot') return await (await import('./robots.ts')).runRobotCommand(rest);
  if (command === 'policy') return await (await import('./policies.ts')).runPolicyCommand(rest);
  if (command === undefined || command === '--help' || command === '-h') {
    process.stdout.write(REGISTRY_HELP);
    return 0;
  }
  throw invalid(`unknown command: ${command}`, "See 'gantry registry --help'.");
}

async function serve(args: readonly string[]): Promise<number> {
  const options = parseRegistryOptions(args);
  if (!options) {
    process.stdout.write(SERVE_HELP);
    return 0;
  }
  const { serveRegistry } = await import('./serve.ts');
  await serveRegistry(options);
  return 0;
}

async function collect(args: readonly string[]): Promise<number> {
  const dryRun = args.includes('--dry-run');
  const options = parseRegistryOptions(args.filter((word) => word !== '--dry-run'));
  if (!options) {
    process.stdout.write(GC_HELP);
    return 0;
  }
  const { askForCollection } = await import('./control.ts');
  const report = (await askForCollection(options.root, dryRun)) ?? (await collectAlone(options, dryRun));
  const verb = report.dryRun ? 'Would free' : 'Freed';
  process.stdout.write(`${verb} ${report.bytes} bytes: ${report.blobs} blobs, ${report.manifests} manifests, ${report.uploads} uploads\n`);
  return 0;
}

async function collectAlone(options: NonNullable<ReturnType<typeof parseRegistryOptions>>, dryRun: boolean) {
  const { openRegistry } = await import('./serve.ts');
  await using house = new AsyncDisposableStack();
  const { registry } = await openRegistry(house, options, silentLog, () => {});
  // Nobody pushes: what was told to clients before is as old as its rows say.
  return await registry.collect({ dryRun });
}
