import { loadKoffi } from './library.ts';

export interface PollEvents {
  readable: boolean;
  writable: boolean;
  disconnect: boolean;
}
/** `status` is negative (an errno) when the watching failed. koffi's own types leave it out. */
export type PollCallback = (status: number, events: PollEvents) => void;
/** Watches one descriptor from the event loop. Close it before the descriptor. */
export interface PollHandle {
  /** Watches for `events` from now on, in the place of what it watched for. */
  start(events: Partial<PollEvents>, callback: PollCallback): void;
  stop(): void;
  close(): void;
  ref(): void;
  unref(): void;
}

let settling = false;

/**
 * koffi calls back outside of Node's own scopes, after which no promise and no process.nextTick would run until the next
 * event of another kind. An immediate is one, and comes in the same turn of the loop.
 */
function settled(callback: PollCallback): PollCallback {
  return (status, events) => {
    if (!settling) {
      settling = true;
      setImmediate(() => {
        settling = false;
      });
    }
    callback(status, events);
  };
}

/** Calls `callback` whenever one of `events` holds of `fd` (level-triggered), until it is stopped. */
export function pollFd(fd: number, events: Partial<PollEvents>, callback: PollCallback): PollHandle {
  const handle = loadKoffi().node.poll(fd, events, settled(callback));
  return {
    start: (wanted, changed) => handle.start(wanted, settled(changed)),
    stop: () => handle.stop(),
    close: () => handle.close(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}
