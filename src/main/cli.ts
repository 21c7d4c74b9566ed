import { systemClock } from '../base/index.ts';
import { runGantry } from '../cli/index.ts';

for (const stream of [process.stdout, process.stderr]) {
  // A reader that has gone (`gantry ps | head -1`) ends the command as SIGPIPE would.
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));
}

const code = await runGantry({
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: () => process.stdin,
  async runProgram(program, args, input) {
    // Loaded on demand: the host room is large, and few command lines need another program.
    const { run } = await import('../host/index.ts');
    return run(program, args, { input, allowFailure: true });
  },
  onSignal(name, run) {
    process.on(name, run);
    return () => process.off(name, run);
  },
});
process.exit(code);
