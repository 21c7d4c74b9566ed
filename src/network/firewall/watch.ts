import { createInterface } from 'node:readline';
import { describe, type Clock, type Log } from '../../base/index.ts';
import { spawn } from '../../host/index.ts';

const RESTART_MILLISECONDS = 1000;

/** Calls `changed` when anyone changes rules, until the signal aborts. */
export function watchRules(changed: () => void, signal: AbortSignal, clock: Clock, log: Log): void {
  const watch = async () => {
    const monitor = await spawn('nft', ['monitor', 'destroy'], { stdio: ['ignore', 'pipe', 'ignore'] });
    monitor.unref();
    const stop = () => monitor.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    if (monitor.stdout) createInterface({ input: monitor.stdout }).on('line', changed);
    await monitor.exit;
    signal.removeEventListener('abort', stop);
  };
  const keepWatching = async () => {
    try {
      await watch();
    } catch (error) {
      log.warn('Could not watch the firewall rules', { error: describe(error) });
    }
    if (!signal.aborted) clock.later(RESTART_MILLISECONDS, () => void keepWatching());
  };
  void keepWatching();
}
