import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { containerPath } from '../each.ts';

interface Binding {
  HostIp: string;
  HostPort: string;
}

const address = (one: Binding) => `${one.HostIp.includes(':') ? `[${one.HostIp}]` : one.HostIp}:${one.HostPort}`;

/** Ports in the order of their numbers, then of the text, as `80/tcp` before `443/tcp`. */
const byPort = (a: string, b: string) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);

const command: Command = {
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  flags: [],
  args: [1, 2],
  completes: 'running',
  async run(session, _flags, [name = '', wanted]) {
    const client = await session.client();
    const { NetworkSettings } = await client.json<{ NetworkSettings: { Ports: Record<string, Binding[] | null> | null } }>(
      'GET',
      containerPath(name, '/json'),
    );
    const ports = NetworkSettings.Ports ?? {};
    if (wanted !== undefined) {
      const [port = '', protocol = 'tcp'] = wanted.split('/');
      if (!/^\d+$/.test(port) || Number(port) > 65535)
        throw new CommandFailure(`Error: invalid port (${port}): ${/^\d+$/.test(port) ? 'value out of range' : 'invalid syntax'}`);
      const found = ports[`${port}/${protocol}`];
      if (!found) throw new CommandFailure(`Error: No public port '${wanted}' published for ${name}`);
      session.out(found.map((one) => `${address(one)}\n`).join(''));
      return;
    }
    for (const key of Object.keys(ports).sort(byPort)) {
      session.out((ports[key] ?? []).map((one) => `${key} -> ${address(one)}\n`).join(''));
    }
  },
};
export default command;
