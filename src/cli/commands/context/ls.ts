import { DEFAULT_ADDRESS } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { currentContext, environmentAddress, listContexts } from '../../config/index.ts';
import { bool, formatFlag } from '../../flags/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';

interface Line {
  readonly name: string;
  readonly description: string;
  readonly address: string;
  readonly current: boolean;
}

const HEADERS = { Name: 'NAME', Description: 'DESCRIPTION', DockerEndpoint: 'DOCKER ENDPOINT', Error: 'ERROR', Current: '' };

const lineRow = (line: Line) =>
  new Row('clientContextContext', {
    Name: () => line.name,
    Description: () => line.description,
    DockerEndpoint: () => line.address,
    Current: () => line.current,
    Error: () => '',
  });

const command: Command = {
  usage: '[OPTIONS]',
  flags: [formatFlag(), bool('quiet', 'Print names only', { short: 'q' })],
  args: [0, 0],
  async run(session, flags) {
    const current = currentContext(session.globals, session.env, session.settings);
    const environment = environmentAddress(session.env);
    const stored = listContexts(session.settings.folder).map((one) => ({
      name: one.Name,
      description: one.Metadata.Description ?? '',
      address: one.Endpoints.docker?.Host ?? '',
      current: one.Name === current,
    }));
    const fallback = {
      name: 'default',
      description: 'Current DOCKER_HOST based configuration',
      address: environment ?? DEFAULT_ADDRESS,
      current: current === 'default',
    };
    const lines = [fallback, ...stored].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (flags.bool('quiet')) {
      session.out(lines.map((line) => `${line.name}\n`).join(''));
      return;
    }
    const format = readFormat(flags.text('format'), '{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}');
    printListing(session, format, lines.map(lineRow), HEADERS);
    if (environment && stored.length > 0)
      session.err(
        'Warning: an address in the environment (GANTRY_HOST or DOCKER_HOST) overrides the active context. Unset it to use a context.\n',
      );
  },
};
export default command;
