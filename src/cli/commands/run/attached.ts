import type { EngineClient, Hijacked } from '../../client/index.ts';
import type { Session } from '../../session.ts';
import { detachKeys } from '../../terminal/index.ts';
import { containerPath } from '../each.ts';

export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Takes over the streams of a container. */
export function attach(session: Session, client: EngineClient, id: string, streams: Streams, keys: string): Promise<Hijacked> {
  const query = {
    stream: true,
    stdin: streams.stdin || undefined,
    stdout: streams.stdout || undefined,
    stderr: streams.stderr || undefined,
    detachKeys: detachKeys(session, keys),
  };
  return client.hijack(containerPath(id, '/attach'), { query });
}

export interface ExitReply {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

/**
 * Waits for the end of a container. The request is on its way when this returns, so that a container started afterwards
 * can't end unseen. The promise gives the exit code; 125 with a message on stderr when the engine lost track.
 */
export async function waitForExit(
  session: Session,
  client: EngineClient,
  id: string,
  condition: 'next-exit' | 'removed' | 'not-running',
): Promise<{ exit: Promise<number> }> {
  // The headers come at once and the body when it ends: the engine has seen the request by then.
  const reply = await client.stream('POST', containerPath(id, '/wait'), { query: { condition } });
  const exit = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    const result = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ExitReply;
    if (result.Error?.Message) {
      session.err(`Error waiting for container: ${result.Error.Message}\n`);
      return 125;
    }
    return result.StatusCode;
  })();
  exit.catch(() => {});
  return { exit };
}
