import { must, type Outcome, type RunOptions, run } from './command.ts';

/** The address of the test host's uplink, and of the neighbour outside. Link-local to the pair, so any number run side by side. */
export const HOST_ADDRESS = '10.211.0.1';
export const NEIGHBOUR_ADDRESS = '10.211.0.2';

/** Less than usual, as in many clouds: networks that do not take it over lose large packets. */
export const UPLINK_MTU = 1400;

/** A machine of its own for the network: a namespace with loopback and an uplink, and a neighbour behind that uplink. */
export interface TestHost extends AsyncDisposable {
  readonly name: string;
  /** Runs a command as seen from the host. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Runs a command as seen from the neighbour, another machine on the uplink. */
  outside(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** The command line that runs `command` in the host's network namespace; mounts and cgroups stay visible. */
  inside(command: string, args: readonly string[]): [string, string[]];
}

let count = 0;

export async function startTestHost(): Promise<TestHost> {
  const name = `gantry-t${process.pid}-${count++}`;
  const neighbour = `${name}-out`;
  await using undo = new AsyncDisposableStack();
  for (const namespace of [name, neighbour]) {
    await must('ip', ['netns', 'add', namespace]);
    undo.defer(async () => void (await run('ip', ['netns', 'delete', namespace])));
    await must('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  }
  await must('ip', ['-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', neighbour]);
  await wire(name, HOST_ADDRESS, NEIGHBOUR_ADDRESS);
  await wire(neighbour, NEIGHBOUR_ADDRESS, HOST_ADDRESS);
  const cleanup = undo.move();
  return {
    name,
    run: (command, args, options) => run(...into(name, command, args), options),
    outside: (command, args, options) => run(...into(neighbour, command, args), options),
    inside: (command, args) => into(name, command, args),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

async function wire(namespace: string, address: string, gateway: string): Promise<void> {
  await must('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
  await must('ip', ['-n', namespace, 'link', 'set', 'eth0', 'mtu', String(UPLINK_MTU), 'up']);
  await must('ip', ['-n', namespace, 'route', 'add', 'default', 'via', gateway]);
}

function into(namespace: string, command: string, args: readonly string[]): [string, string[]] {
  return ['nsenter', [`--net=/run/netns/${namespace}`, '--', command, ...args]];
}
