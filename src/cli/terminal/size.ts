import type { Session } from '../session.ts';

/** Rows and columns of the terminal that output goes to; undefined when it is none. */
export function terminalSize(session: Session): { h: number; w: number } | undefined {
  const { isTTY, rows, columns } = session.stdout;
  return isTTY && rows > 0 && columns > 0 ? { h: rows, w: columns } : undefined;
}

/** Tells `resize` the size now and whenever it changes. A container that has ended already has no terminal: no error then. */
export function followSize(session: Session, resize: (size: { h: number; w: number }) => Promise<unknown>): () => void {
  const tell = () => {
    const size = terminalSize(session);
    if (size) resize(size).catch(() => {});
  };
  tell();
  return session.onSignal('SIGWINCH', () => {
    // Node updates rows and columns in its own handler of the same signal, which may run after this one.
    setImmediate(tell);
  });
}
