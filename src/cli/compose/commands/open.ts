import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { VERSION } from '../../about.ts';
import { CommandFailure } from '../../failure.ts';
import type { Flags } from '../../flags/index.ts';
import { closest } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { Api } from '../engine/api.ts';
import type { Context } from '../engine/context.ts';
import type { Observed } from '../plan/observed.ts';
import { loadProject } from '../project/load.ts';
import type { Project } from '../project/project.ts';
import { Progress } from '../view/progress.ts';

const NO_FILE = 14;

/** The flags between `compose` and the command. */
export function projectFlags(session: Session): Flags {
  if (!session.leading) throw new Error('compose runs without its own flags');
  return session.leading;
}

/** Reads the project that the flags name. `wanted` services are active whatever their profiles. */
export function openProject(session: Session, wanted: readonly string[] = []): Project {
  const flags = projectFlags(session);
  return loadProject({
    files: flags.list('file'),
    environmentFiles: flags.list('env-file'),
    profiles: flags.list('profile'),
    wanted,
    name: flags.text('project-name') || undefined,
    folder: flags.text('project-directory') || undefined,
    around: { env: session.env, cwd: session.cwd, home: session.env.HOME ?? homedir() },
    warn: (text) => session.err(`WARN: ${text}\n`),
    stdin: () => readFileSync(0, 'utf8'),
  });
}

/** The same; where there is no file but a name, a project of which only the engine knows. */
export function openProjectOrName(session: Session, wanted: readonly string[] = []): Project {
  const name = projectFlags(session).text('project-name') || session.env.COMPOSE_PROJECT_NAME;
  try {
    return openProject(session, wanted);
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.code !== NO_FILE || !name || projectFlags(session).list('file').length > 0) throw error;
    const nothing = new Map();
    return {
      name,
      folder: session.cwd,
      files: [],
      environmentFiles: [],
      services: nothing,
      inactive: nothing,
      networks: nothing,
      volumes: nothing,
      secrets: nothing,
      configs: nothing,
      lookup: () => undefined,
    };
  }
}

/** Whether logs may have colours where they go to a terminal. */
export const mayColour = (session: Session) => projectFlags(session).text('ansi') !== 'never';

/** All that acting on a project needs. `timeout` in seconds. */
export async function openContext(
  session: Session,
  project: Project,
  timeout?: number,
  signal = new AbortController().signal,
): Promise<Context> {
  const flags = projectFlags(session);
  const style = flags.text('ansi') === 'never' && flags.text('progress') === 'auto' ? 'plain' : flags.text('progress');
  return {
    session,
    api: new Api(await session.client()),
    project,
    progress: new Progress(session, style),
    version: VERSION,
    timeout,
    signal,
  };
}

/** Containers of a project: of the services named, or of all. A name that leads nowhere is a `CommandFailure`. */
export async function chooseContainers(
  { api, project }: Pick<Context, 'api' | 'project'>,
  services: readonly string[],
  oneOff = false,
): Promise<Observed[]> {
  const all = (await api.containers(project.name)).filter((one) => oneOff || !one.oneOff);
  const known = new Set([...project.services.keys(), ...project.inactive.keys(), ...all.map(({ service }) => service)]);
  for (const name of services) {
    if (known.has(name)) continue;
    const near = closest(name, [...known]);
    throw new CommandFailure(`no such service: ${name}${near ? `: did you mean "${near}"?` : ''}`);
  }
  return all
    .filter(({ service }) => services.length === 0 || services.includes(service))
    .sort((a, b) => (a.service === b.service ? a.number - b.number : a.service < b.service ? -1 : 1));
}

/** One container of a service, by its number; the one that serves rather than its successor. */
export async function chooseContainer(context: Pick<Context, 'api' | 'project'>, service: string, number: number): Promise<Observed> {
  const own = (await chooseContainers(context, [service])).filter(({ role }) => role !== 'standby');
  const found = number > 0 ? own.filter((one) => one.number === number) : own;
  const best = found.find(({ role, state }) => role === 'serving' && state === 'running') ?? found[0];
  if (!best)
    throw new CommandFailure(
      `service ${service} has no container${number > 0 ? ` with the number ${number}` : ''}: gantry compose up makes it`,
    );
  return best;
}

/** What reading needs when the sentence about a scale is given as NAME=NUMBER. */
export function parseScales(values: readonly string[]): Map<string, number> {
  return new Map(
    values.map((text) => {
      const match = /^([^=]+)=(\d+)$/.exec(text);
      if (!match?.[1]) throw new CommandFailure(`${JSON.stringify(text)} is not SERVICE=NUMBER, a scale such as web=3`);
      return [match[1], Number(match[2])];
    }),
  );
}
