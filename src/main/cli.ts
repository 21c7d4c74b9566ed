import { systemClock } from '../base/index.ts';
import { runGantry } from '../cli/index.ts';

/** Milliseconds that a stray handle may keep the process alive after the command has ended. */
const GRACE = 300;

for (const stream of [process.stdout, process.stderr]) {
  // A reader that has gone (`gantry ps | head -1`) ends the command as SIGPIPE would.
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));
}

let reading = false;

/** Services that this command starts rather than talks to; each loads its own part of the house. */
async function runService(args: readonly string[]): Promise<number | undefined> {
  const words = args[0] === 'help' ? [...args.slice(1), '--help'] : args;
  if (words[0] !== 'registry') return undefined;
  const { runRegistryCommand } = await import('./registry/command.ts');
  return await runRegistryCommand(words.slice(1));
}

const service = await runService(process.argv.slice(2));
const code =
  service ??
  (await runGantry({
    args: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock(),
    stdout: process.stdout,
    stderr: process.stderr,
    stdin() {
      reading = true;
      return process.stdin;
    },
    async runProgram(program, args, input) {
      // Loaded on demand: the host room is large, and few command lines need another program.
      const { run } = await import('../host/index.ts');
      return run(program, args, { input, allowFailure: true });
    },
    onSignal(name, run) {
      process.on(name, run);
      return () => process.off(name, run);
    },
  }));

// Not process.exit(): it joins V8's compiler threads, which may be waiting for the main thread to collect garbage, and then
// both wait for ever. A process that has nothing left to do ends in an order that cannot hang.
process.exitCode = code;
if (reading) process.stdin.destroy();
setTimeout(() => process.exit(code), GRACE).unref();
