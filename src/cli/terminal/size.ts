import type { Session } from '../session.ts';

/** Rows and columns of the terminal that output goes to; undefined when it is none. */
export function terminalSize(session: Session): { h: number; w: number } | undefined {
  const { isTTY, rows, columns } = session.stdout;
  return isTTY && rows > 0 && columns > 0 ? { h: rows, w: columns } : undefined;
}

/**
 * Makes a program that runs already draw its screen again: a terminal of another size for a moment is the only sign
 * that every program understands.
 */
export async function redraw(session: Session, resize: (size: { h: number; w: number }) => Promise<unknown>): Promise<void> {
  const size = terminalSize(session);
  if (size) await resize({ h: size.h + 1, w: size.w + 1 }).catch(() => {});
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
