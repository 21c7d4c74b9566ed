import { randomBytes } from 'node:crypto';
import type { Command } from '../../command.ts';
import { containerPath } from '../../commands/each.ts';
import { attach, waitForExit } from '../../commands/run/attached.ts';
import { bool, type Flags, list, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { followSize, forwardSignals, pump, terminalSize } from '../../terminal/index.ts';
import type { Context } from '../engine/context.ts';
import { provideImages } from '../engine/images.ts';
import { imageName, makeContainer } from '../engine/make.ts';
import { asOneOff, oneOffService } from '../engine/one-off.ts';
import { carryOut, planProject } from '../engine/up.ts';
import { dockerHash } from '../plan/docker-hash.ts';
import { fingerprint } from '../plan/fingerprint.ts';
import { inOrder } from '../plan/order.ts';
import { pathsFrom } from '../project/paths.ts';
import type { Service } from '../project/project.ts';
import { splitWords } from '../values/words.ts';
import { openContext, openProject } from './open.ts';
import { IMAGE_FLAGS, imageWishes, plainWishes } from './up.ts';

const wishesOf = (flags: Flags, command: readonly string[]) => ({
  command,
  ...(flags.given('entrypoint') ? { entrypoint: splitWords(flags.text('entrypoint')) } : {}),
  environment: flags.list('env'),
  labels: flags.list('label'),
  user: flags.text('user'),
  folder: flags.text('workdir'),
  publish: flags.list('publish'),
  servicePorts: flags.bool('service-ports'),
  volumes: flags.list('volume'),
  capAdd: flags.list('cap-add'),
  capDrop: flags.list('cap-drop'),
  aliases: flags.bool('use-aliases'),
});

/** Starts what the service needs. */
async function startNeeds(context: Context, name: string, flags: Flags): Promise<void> {
  const needs = inOrder(context.project, [name]).filter((one) => one !== name);
  if (needs.length === 0 || flags.bool('no-deps')) return;
  const wishes = { ...plainWishes(needs), noRecreate: true };
  const services = needs.map((one) => context.project.services.get(one) as Service);
  const images = await provideImages(context, services, { ...imageWishes(flags), pull: '' });
  const plan = await planProject(context, wishes, images);
  await carryOut(context, { ...plan, orphans: [] }, wishes, images);
}

async function make(session: Session, context: Context, service: Service, flags: Flags, tty: boolean): Promise<string> {
  const images = await provideImages(context, [service], imageWishes(flags));
  const observed = await context.api.containers(context.project.name);
  const wishes = { ...plainWishes([service.name]), noDeps: true, noRecreate: true };
  const plan = await planProject(context, wishes, images);
  // Its networks and volumes only: the service itself stays as it is.
  await carryOut(context, { ...plan, services: [], orphans: [], leftovers: [] }, wishes, images);
  const slug = randomBytes(6).toString('hex');
  const keys = fingerprint(service.definition);
  return await makeContainer(
    context,
    { service, keys, hash: dockerHash(service.definition) },
    {
      name: flags.text('name') || `${context.project.name}-${service.name}-run-${slug}`,
      number: 1,
      image: imageName(context, service),
      imageId: images.get(service.name) ?? '',
      oneOff: true,
      containersOf: (other) => observed.filter((one) => one.service === other && !one.oneOff).map(({ name }) => name),
      adjust: (body) =>
        asOneOff(body, {
          slug,
          tty,
          stdin: flags.bool('interactive') && !flags.bool('detach'),
          detached: flags.bool('detach'),
          remove: flags.bool('rm'),
          aliases: flags.bool('use-aliases'),
          size: tty ? terminalSize(session) : undefined,
        }),
    },
  );
}

async function runAttached(session: Session, context: Context, id: string, flags: Flags, tty: boolean): Promise<number> {
  const { client } = context.api;
  const stdin = flags.bool('interactive');
  const { exit } = await waitForExit(session, client, id, 'next-exit');
  const hijacked = await attach(session, client, id, { stdin, stdout: true, stderr: true }, '');
  const signals = tty
    ? undefined
    : forwardSignals(session, (signal) => client.text('POST', containerPath(id, '/kill'), { query: { signal } }));
  const output = pump(session, hijacked, { stdin, stdout: true, stderr: true, tty, detachKeys: '' });
  output.catch(() => {});
  await context.api.start(id);
  const unfollow = tty ? followSize(session, (size) => client.text('POST', containerPath(id, '/resize'), { query: size })) : undefined;
  try {
    if ((await output) === 'detached') return 0;
    return await exit;
  } finally {
    unfollow?.();
    signals?.stop();
    if (flags.bool('rm')) await context.api.remove(id, { volumes: true, force: true });
  }
}

const command: Command = {
  usage: '[OPTIONS] SERVICE [COMMAND] [ARG...]',
  about: "Runs one command in a new container of a service, after those that it needs. The exit code is the command's own.",
  flags: [
    ...IMAGE_FLAGS,
    list('cap-add', 'Add Linux capabilities'),
    list('cap-drop', 'Take Linux capabilities away'),
    bool('detach', 'Leave it running in the background and print its name', { short: 'd' }),
    text('entrypoint', "Program to run instead of the image's"),
    list('env', 'Set an environment variable (NAME=value)', { short: 'e' }),
    bool('interactive', 'Join your standard input to it', { short: 'i', default: 'true' }),
    list('label', 'Set a label (name=value)', { short: 'l' }),
    text('name', 'Name of the container'),
    bool('no-deps', 'Do not start services that are needed'),
    bool('no-tty', 'Give it no terminal (that is so where you have none)', { short: 'T' }),
    list('publish', 'Publish a port ([[host address:]host port:]port)', { short: 'p' }),
    bool('rm', 'Remove the container when it ends'),
    bool('service-ports', 'Publish the ports of the service', { short: 'P' }),
    bool('use-aliases', "Let others find it by the service's names"),
    text('user', 'User and group (name|uid[:group|gid])', { short: 'u' }),
    list('volume', 'Mount a folder or volume ([source:]target[:options])', { short: 'v' }),
    text('workdir', 'Folder to start in', { short: 'w' }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  stopAtArgument: true,
  async run(session, flags, [name = '', ...words]) {
    const project = openProject(session, [name]);
    inOrder(project, [name]);
    const paths = pathsFrom(session.cwd, session.env.HOME ?? '/');
    const service = oneOffService(project.services.get(name) as Service, wishesOf(flags, words), paths, (key) => session.env[key]);
    const context = await openContext(session, project);
    const tty = !flags.bool('no-tty') && !flags.bool('detach') && session.stdout.isTTY === true && session.stdin().isTTY === true;
    let id: string;
    {
      using _progress = context.progress;
      await startNeeds(context, name, flags);
      id = await make(session, context, service, flags, tty);
    }
    if (!flags.bool('detach')) return await runAttached(session, context, id, flags, tty);
    await context.api.start(id);
    session.out(`${(await context.api.inspect(id)).Name.replace(/^\//, '')}\n`);
    return 0;
  },
};
export default command;
