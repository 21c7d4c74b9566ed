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
  const { rest, dryRun, json } = takeCollectionFlags(args);
  const options = parseRegistryOptions(rest);
  if (!options) {
    process.stdout.write(GC_HELP);
    return 0;
  }
  const { askForCollection } = await import('./control.ts');
  const report = (await askForCollection(options.root, dryRun)) ?? (await collectAlone(options, dryRun));
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return 0;
  }
  const verb = report.dryRun ? 'Would free' : 'Freed';
  process.stdout.write(`${verb} ${report.bytes} bytes: ${report.blobs} blobs, ${report.manifests} manifests, ${report.uploads} uploads\n`);
  return 0;
}

/** What `gc` has beside the settings of the registry. */
function takeCollectionFlags(args: readonly string[]): { rest: string[]; dryRun: boolean; json: boolean } {
  const at = args.findIndex((word) => word === '--format' || word.startsWith('--format='));
  const format = at < 0 ? 'table' : args[at]?.includes('=') ? args[at]?.slice('--format='.length) : args[at + 1];
  if (format !== 'table' && format !== 'json') throw invalid(`--format ${format ?? ''} is not known`, 'Use table or json.');
  const used = at < 0 ? 0 : args[at]?.includes('=') ? 1 : 2;
  const rest = args.filter((word, i) => word !== '--dry-run' && (at < 0 || i < at || i >= at + used));
  return { rest, dryRun: args.includes('--dry-run'), json: format === 'json' };
}

async function collectAlone(options: NonNullable<ReturnType<typeof parseRegistryOptions>>, dryRun: boolean) {
  const { openRegistry } = await import('./serve.ts');
  await using house = new AsyncDisposableStack();
  const { registry } = await openRegistry(house, options, silentLog, () => {});
  // Nobody pushes: what was told to clients before is as old as its rows say.
  return await registry.collect({ dryRun });
}
