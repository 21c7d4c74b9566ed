// Plain JavaScript, so that the compile cache is on before the first TypeScript file is read:
// a cached file costs neither the type stripper's memory (16 MB) nor its time (50 ms).
import module from 'node:module';
import { fileURLToPath } from 'node:url';

module.enableCompileCache(process.env.GANTRY_COMPILE_CACHE ?? fileURLToPath(new URL('../.cache/compile', import.meta.url)));

// Our imports say where a file is: nothing to search, no package.json to ask, no links to follow. Node's own resolution of some 2,000 of
// them takes a fifth of the time to start, and runs so hot that its code is optimized: 6 MB of compiler that an idle daemon never needs.
const source = new URL('../src/', import.meta.url).href;
module.registerHooks({
  resolve(specifier, context, next) {
    if (!/^\.\.?\/.*\.ts$/.test(specifier) || !context.parentURL?.startsWith(source)) return next(specifier, context);
    return { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true };
  },
});

const [entry, ...rest] = process.argv.slice(2);
process.argv = [process.argv[0], entry === 'daemon' ? 'gantryd' : 'gantry', ...rest];
await import(entry === 'daemon' ? '../src/main/daemon.ts' : '../src/main/cli.ts');
