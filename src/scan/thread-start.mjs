// Plain JavaScript, so that the compile cache is on before the first TypeScript file is read.
import module from 'node:module';
import { workerData } from 'node:worker_threads';

if (workerData.compileCache) module.enableCompileCache(workerData.compileCache);
await import('./thread-main.ts');
