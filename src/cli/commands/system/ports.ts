import { EngineRefusal } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { formatFlag } from '../../flags/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';

/** One entry of the reply of GET /gantry/ports. */
interface Reach {
  readonly containerId: string;
  readonly name: string;
  readonly protocol: string;
  readonly containerPort: number;
  readonly hostAddress: string;
  /** 0 when it is not published. */
  readonly hostPort: number;
  readonly count: number;
  readonly addresses: readonly string[];
  readonly policy?: string;
  readonly who: string;
  readonly why: readonly string[];
}

const HEADERS = { Container: 'CONTAINER', ID: 'CONTAINER ID', Address: 'ADDRESS', Port: 'PORT', Policy: 'POLICY', Who: 'WHO', Why: 'WHY' };
const EMPTY = Object.fromEntries(Object.keys(HEADERS).map((name) => [name, () => '']));
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': 'all IPv4', '::': 'all IPv6' };

const span = (port: number, count: number) => (count === 1 ? String(port) : `${port}-${port + count - 1}`);

function portText({ hostPort, containerPort, count, protocol }: Reach): string {
  const inside = `${span(containerPort, count)}/${protocol}`;
  return hostPort === 0 || hostPort === containerPort ? inside : `${span(hostPort, count)} -> ${inside}`;
}

/** Entries that differ by the family of all addresses only are one line. */
export function mergeFamilies(reaches: readonly Reach[]): Reach[] {
  const lines = new Map<string, Reach>();
  for (const reach of reaches) {
    const everywhere = EVERYWHERE[reach.hostAddress];
    const key = JSON.stringify([reach.containerId, portText(reach), reach.who, reach.why, everywhere ? '' : reach.hostAddress]);
    const before = lines.get(key);
    const hostAddress = before && everywhere ? 'all' : (everywhere ?? reach.hostAddress);
    lines.set(key, { ...reach, hostAddress, addresses: [...(before?.addresses ?? []), ...reach.addresses] });
  }
  return [...lines.values()];
}

const PADDING = 3;
/** Narrower than this the reasons would be one word a line. */
const LEAST_WHY = 30;

/** What is left for the reasons on a terminal. */
function whyWidth(reaches: readonly Reach[], columns: number): number {
  const widest = (title: string, text: (reach: Reach) => string) =>
    Math.max(title.length, ...reaches.map((one) => text(one).length)) + PADDING;
  const others = widest(HEADERS.Container, ({ name }) => name) + widest(HEADERS.Address, ({ hostAddress }) => hostAddress);
  return Math.max(LEAST_WHY, columns - others - widest(HEADERS.Port, portText) - widest(HEADERS.Who, ({ who }) => who));
}

/** The same entry, with lines that only go on with its reasons. */
function wrapped(reach: Reach, width: number): Line[] {
  const lines = [''];
  for (const word of reach.why.join('; ').split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((text, index) => ({ ...reach, why: [text], continues: index > 0 }));
}

/** `continues`: only the reasons are shown, for the rest stands on the line above. */
type Line = Reach & { continues?: boolean };

function rowOf({ continues, ...reach }: Line): Row {
  if (continues) return new Row('portContext', { ...EMPTY, Why: () => reach.why.join('') });
  return new Row('portContext', {
    Container: () => reach.name,
    ID: () => reach.containerId.slice(0, 12),
    Address: () => reach.hostAddress,
    Port: () => portText(reach),
    Policy: () => reach.policy ?? '',
    Who: () => reach.who,
    Why: () => reach.why.join('; '),
  });
}

const command: Command = {
  usage: '[OPTIONS] [CONTAINER...]',
  about:
    'Lists every port of running containers that can be reached: where, by whom and why. WHO is everyone, some (those whom the\n' +
    "host's firewall lets in), LAN (networks that the host has an address in), containers (of the same network) or this host.",
  flags: [formatFlag()],
  args: [0, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, flags, names) {
    const client = await session.client();
    const reaches = await client.json<Reach[]>('GET', '/gantry/ports').catch((error: unknown) => {
      if (error instanceof EngineRefusal && error.status === 404 && /page not found/i.test(error.reason))
        throw new CommandFailure(`the engine at ${client.address} is not Gantry and does not tell who reaches its ports`, 1, error);
      throw error;
    });
    for (const name of names)
      if (!reaches.some((reach) => isOf(reach, name))) throw new CommandFailure(`No reachable port of a running container ${name}`);
    const wanted = names.length === 0 ? reaches : reaches.filter((reach) => names.some((name) => isOf(reach, name)));
    if (flags.text('format') === 'json') {
      session.out(`${JSON.stringify(wanted, null, 4)}\n`);
      return;
    }
    const format = readFormat(flags.text('format'), '{{.Container}}\t{{.Address}}\t{{.Port}}\t{{.Who}}\t{{.Why}}');
    const merged = mergeFamilies(wanted);
    const { isTTY, columns } = session.stdout;
    const lines = format.builtIn && isTTY && columns > 0 ? merged.flatMap((reach) => wrapped(reach, whyWidth(merged, columns))) : merged;
    printListing(session, format, lines.map(rowOf), HEADERS, false);
  },
};
export default command;

const isOf = ({ name, containerId }: Reach, wanted: string) => name === wanted.replace(/^\//, '') || containerId.startsWith(wanted);
