import { copyOutput } from '../../client/index.ts';
import { containerPath } from '../../commands/each.ts';
import { CommandFailure } from '../../failure.ts';
import type { Section } from '../project/section.ts';
import type { Context } from './context.ts';

/** Runs one command in a container to its end. */
export async function runHook({ api: { client } }: Context, id: string, hook: Section, what: string): Promise<void> {
  const body = {
    AttachStdout: true,
    AttachStderr: true,
    Cmd: hook.texts('command'),
    User: hook.text('user') ?? '',
    Privileged: hook.truth('privileged') === true,
    WorkingDir: hook.text('working_dir') ?? '',
    Env: Object.entries(hook.pairs('environment')).map(([name, value]) => `${name}=${value}`),
  };
  const { Id } = await client.json<{ Id: string }>('POST', containerPath(id, '/exec'), { body });
  const { socket, multiplexed } = await client.hijack(`/exec/${Id}/start`, { body: { Detach: false, Tty: false } });
  const said: Buffer[] = [];
  const keep = (data: Buffer) => void said.push(data);
  await copyOutput(socket, multiplexed, { stdout: keep, stderr: keep });
  const { ExitCode } = await client.json<{ ExitCode: number | null }>('GET', `/exec/${Id}/json`);
  if (ExitCode !== 0) throw new CommandFailure(`${what} ended with ${ExitCode}: ${Buffer.concat(said).toString('utf8').trim()}`);
}
