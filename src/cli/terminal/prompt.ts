import type { Session } from '../session.ts';

/** Reads one line of standard input; undefined at its end. `hidden` does not echo what is typed on a terminal. */
export function readLine(session: Pick<Session, 'stdin' | 'err'>, question: string, hidden = false): Promise<string | undefined> {
  const stdin = session.stdin();
  session.err(question);
  const raw = hidden && stdin.isTTY === true;
  if (raw) stdin.setRawMode(true);
  return new Promise((resolve) => {
    let text = '';
    const finish = (line: string | undefined) => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      if (raw) {
        stdin.setRawMode(false);
        session.err('\n');
      }
      stdin.pause();
      resolve(line);
    };
    const onEnd = () => finish(text === '' ? undefined : text);
    const onData = (chunk: Buffer) => {
      for (const character of chunk.toString('utf8')) {
        if (character === '\n' || character === '\r') return finish(text);
        if (raw && (character === '\x03' || character === '\x04')) return finish(undefined);
        if (raw && (character === '\x7f' || character === '\b')) text = text.slice(0, -1);
        else text += character;
      }
    };
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.resume();
  });
}

/** Asks before something is lost; only `y` and `yes` go on. */
export async function confirm(session: Session, warning: string): Promise<boolean> {
  session.out(`${warning}\nAre you sure you want to continue? [y/N] `);
  const answer = await readLine(session, '');
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}
