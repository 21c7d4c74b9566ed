import { VERSION } from '../../about.ts';
import { NEWEST_API } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { currentContext } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { formatFlag } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { executeTemplate, readTemplate, toJson } from '../../template/index.ts';

interface Component {
  readonly Name: string;
  readonly Version: string;
  readonly Details?: Readonly<Record<string, string>> | null;
}

type ServerVersion = { Components?: Component[] | null; Platform?: { Name?: string } } & Record<string, unknown>;

function clientVersion(session: Session, api: string): Record<string, unknown> {
  const arch: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };
  return {
    Version: VERSION,
    ApiVersion: api,
    DefaultAPIVersion: NEWEST_API,
    NodeVersion: process.versions.node,
    Os: 'linux',
    Arch: arch[process.arch] ?? process.arch,
    Context: currentContext(session.globals, session.env, session.settings),
  };
}

const row = (label: string, value: unknown, indent: string, width: number) => `${indent}${`${label}:`.padEnd(width)}${value ?? ''}\n`;

function clientText(client: Record<string, unknown>): string {
  const downgraded = client.ApiVersion === client.DefaultAPIVersion ? '' : ` (downgraded from ${client.DefaultAPIVersion})`;
  return (
    'Client: Gantry\n' +
    row('Version', client.Version, ' ', 19) +
    row('API version', `${client.ApiVersion}${downgraded}`, ' ', 19) +
    row('Node version', client.NodeVersion, ' ', 19) +
    row('OS/Arch', `${client.Os}/${client.Arch}`, ' ', 19) +
    row('Context', client.Context, ' ', 19)
  );
}

/** How the engine's own part is labelled; other parts show their details under their own names. */
const ENGINE_LABELS: readonly (readonly [string, string])[] = [
  ['GoVersion', 'Go version'],
  ['NodeVersion', 'Node version'],
  ['GitCommit', 'Git commit'],
  ['BuildTime', 'Built'],
];

function componentText(component: Component): string {
  const details = component.Details ?? {};
  let out = ` ${component.Name}:\n${row('Version', component.Version, '  ', 18)}`;
  if (component.Name !== 'Engine') {
    for (const [name, value] of Object.entries(details).sort()) out += row(name, value, '  ', 18);
    return out;
  }
  const least = details.MinAPIVersion;
  out += row('API version', `${details.ApiVersion}${least ? ` (minimum version ${least})` : ''}`, '  ', 18);
  for (const [key, label] of ENGINE_LABELS) {
    const value = details[key];
    if (!value) continue;
    // Gantry has no Go; what it puts there for old clients names its own runtime.
    const shown = value.startsWith('node ') ? 'Node version' : label;
    out += row(shown, key === 'BuildTime' ? builtText(value) : value.replace(/^node /, ''), '  ', 18);
  }
  out += row('OS/Arch', `${details.Os}/${details.Arch}`, '  ', 18);
  out += row('Experimental', details.Experimental ?? 'false', '  ', 18);
  return out;
}

/** A date of the old ANSI C form, which is how Docker shows it; other text stays. */
function builtText(text: string): string {
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(date.getTime())) return text;
  const [weekday, day, month, year, time] = date.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2, ' ')} ${time} ${year}`;
}

function serverText(server: ServerVersion): string {
  const name = server.Platform?.Name ? ` ${server.Platform.Name}` : '';
  const components = server.Components ?? [
    { Name: 'Engine', Version: String(server.Version ?? ''), Details: server as unknown as Record<string, string> },
  ];
  return `\nServer:${name}\n${components.map(componentText).join('')}`;
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [{ ...formatFlag('f'), help: "Print with a Go template: 'json' or 'TEMPLATE'" }],
  args: [0, 0],
  async run(session, flags) {
    let server: ServerVersion | null = null;
    let api = session.env.DOCKER_API_VERSION || NEWEST_API;
    let failure: CommandFailure | undefined;
    try {
      const client = await session.client();
      api = client.apiVersion;
      server = await client.json<ServerVersion>('GET', '/version');
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      failure = error;
    }
    const both = { Client: clientVersion(session, api), Server: server };
    const format = flags.text('format');
    if (format === 'json' || format === '{{json .}}') session.out(`${toJson(both, false)}\n`);
    else if (format !== '') session.out(`${executeTemplate(readTemplate(format), both)}\n`);
    else session.out(clientText(both.Client) + (server ? serverText(server) : ''));
    // The client's part is shown all the same: it helps to find out why the engine does not answer.
    if (failure) throw failure;
  },
};
export default command;
