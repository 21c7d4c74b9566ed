import type { Entry } from '../command.ts';
import { COMPOSE } from '../compose/tree.ts';

const leaf = (name: string, summary: string, load: NonNullable<Entry['load']>, extra: Partial<Entry> = {}): Entry => ({
  name,
  summary,
  load,
  ...extra,
});

const CONTAINER: readonly Entry[] = [
  leaf('attach', 'Join the input and output of a running container', () => import('./run/attach.ts')),
  leaf('commit', "Make an image of a container's changes", () => import('./container/commit.ts')),
  leaf('cp', 'Copy files between a container and here', () => import('./container/cp.ts')),
  leaf('create', 'Make a container without starting it', () => import('./run/create.ts')),
  leaf('diff', "List what changed in a container's files", () => import('./container/diff.ts')),
  leaf('exec', 'Run one more command in a running container', () => import('./run/exec.ts')),
  leaf('export', "Write a container's files as a tar archive", () => import('./container/export.ts')),
  leaf('kill', 'Send a signal to running containers', () => import('./container/kill.ts')),
  leaf('logs', 'Show what a container has written', () => import('./container/logs.ts')),
  leaf('pause', 'Freeze all processes of containers', () => import('./container/pause.ts')),
  leaf('port', 'Show which addresses lead to a container', () => import('./container/port.ts')),
  leaf('rename', 'Give a container another name', () => import('./container/rename.ts')),
  leaf('restart', 'Stop containers and start them again', () => import('./container/restart.ts')),
  leaf('rm', 'Remove containers', () => import('./container/rm.ts'), { aliases: ['remove'] }),
  leaf('run', 'Make a container of an image and start it', () => import('./run/run.ts')),
  leaf('start', 'Start stopped containers', () => import('./run/start.ts')),
  leaf('stats', 'Watch what containers use', () => import('./container/stats.ts')),
  leaf('stop', 'Stop running containers', () => import('./container/stop.ts')),
  leaf('top', 'Show the processes of a container', () => import('./container/top.ts')),
  leaf('unpause', 'Let frozen containers go on', () => import('./container/unpause.ts')),
  leaf('update', 'Change the limits of containers', () => import('./container/update.ts')),
  leaf('wait', 'Wait until containers stop and print their exit codes', () => import('./run/wait.ts')),
];

const IMAGE: readonly Entry[] = [
  leaf('build', 'Make an image from a Dockerfile', () => import('./image/build.ts')),
  leaf('history', 'Show the steps that made an image', () => import('./image/history.ts')),
  leaf('import', 'Make an image of a tar archive of files', () => import('./image/import.ts')),
  leaf('load', 'Bring in images from a saved archive', () => import('./image/load.ts')),
  leaf('pull', 'Fetch an image from a registry', () => import('./image/pull.ts')),
  leaf('push', 'Send an image to a registry', () => import('./image/push.ts')),
  leaf('save', 'Write images to an archive', () => import('./image/save.ts')),
  leaf('tag', 'Give an image one more name', () => import('./image/tag.ts')),
];

const PS = leaf('ps', 'List containers', () => import('./container/ps.ts'));
const IMAGES = leaf('images', 'List images', () => import('./image/images.ts'));
const RMI = leaf('rmi', 'Remove images', () => import('./image/rmi.ts'));
const EVENTS = leaf('events', 'Watch what happens in the engine', () => import('./system/events.ts'));
const INFO = leaf('info', 'Describe the engine and its host', () => import('./system/info.ts'));

const byName = (a: Entry, b: Entry) => (a.name < b.name ? -1 : 1);

function under(group: string, entries: readonly Entry[]): readonly Entry[] {
  return entries
    .map((entry) => ({
      ...entry,
      alsoAs: [
        ...new Set([
          ...(entry.alsoAs ?? []),
          `gantry ${group} ${entry.name}`,
          ...(entry.aliases ?? []).map((alias) => `gantry ${group} ${alias}`),
        ]),
      ],
    }))
    .toSorted(byName);
}

const CONTAINER_GROUP = under('container', [
  ...CONTAINER.map((entry) => ({ ...entry, alsoAs: [`gantry ${entry.name}`] })),
  leaf('inspect', 'Show all about containers', () => import('./container/inspect.ts')),
  { ...PS, name: 'ls', aliases: ['list', 'ps'], alsoAs: ['gantry ps'] },
  leaf('prune', 'Remove all stopped containers', () => import('./container/prune.ts')),
]);

const IMAGE_GROUP = under('image', [
  ...IMAGE.map((entry) => ({ ...entry, alsoAs: [`gantry ${entry.name}`] })),
  leaf('inspect', 'Show all about images', () => import('./image/inspect.ts')),
  { ...IMAGES, name: 'ls', aliases: ['list'], alsoAs: ['gantry images'] },
  leaf('prune', 'Remove images that nothing uses', () => import('./image/prune.ts')),
  { ...RMI, name: 'rm', aliases: ['remove'], alsoAs: ['gantry rmi'] },
]);

const VOLUME_GROUP = under('volume', [
  leaf('create', 'Make a volume', () => import('./volume/create.ts')),
  leaf('inspect', 'Show all about volumes', () => import('./volume/inspect.ts')),
  leaf('ls', 'List volumes', () => import('./volume/ls.ts'), { aliases: ['list'] }),
  leaf('prune', 'Remove volumes that no container uses', () => import('./volume/prune.ts')),
  leaf('rm', 'Remove volumes that no container uses', () => import('./volume/rm.ts'), { aliases: ['remove'] }),
]);

const NETWORK_GROUP = under('network', [
  leaf('connect', 'Join a container to a network', () => import('./network/connect.ts')),
  leaf('create', 'Make a network', () => import('./network/create.ts')),
  leaf('disconnect', 'Take a container off a network', () => import('./network/disconnect.ts')),
  leaf('inspect', 'Show all about networks', () => import('./network/inspect.ts')),
  leaf('ls', 'List networks', () => import('./network/ls.ts'), { aliases: ['list'] }),
  leaf('prune', 'Remove networks that no container uses', () => import('./network/prune.ts')),
  leaf('rm', 'Remove networks', () => import('./network/rm.ts'), { aliases: ['remove'] }),
]);

const SYSTEM_GROUP = under('system', [
  leaf('df', 'Show what takes up space', () => import('./system/df.ts')),
  { ...EVENTS, alsoAs: ['gantry events'] },
  { ...INFO, alsoAs: ['gantry info'] },
  leaf('prune', 'Remove everything that nothing uses', () => import('./system/prune.ts')),
]);

const CONTEXT_GROUP = under('context', [
  leaf('create', 'Keep the address of an engine under a name', () => import('./context/create.ts')),
  leaf('inspect', 'Show all about contexts', () => import('./context/inspect.ts')),
  leaf('ls', 'List contexts', () => import('./context/ls.ts'), { aliases: ['list'] }),
  leaf('rm', 'Forget contexts', () => import('./context/rm.ts'), { aliases: ['remove'] }),
  leaf('show', 'Print the name of the context in use', () => import('./context/show.ts')),
  leaf('use', 'Use another context from now on', () => import('./context/use.ts')),
]);

const group = (name: string, summary: string, children: readonly Entry[]): Entry => ({ name, summary, children, section: 'group' });

const COMMON = new Set(['run', 'exec', 'ps', 'build', 'pull', 'push', 'images', 'login', 'logout', 'search', 'version', 'info', 'why']);

/** Every word that may follow `gantry`; the commands themselves are loaded when they are run. */
export const TREE: readonly Entry[] = [
  ...[...CONTAINER, PS].map((entry) => ({
    ...entry,
    aliases: [],
    alsoAs: [`gantry container ${entry.name === 'ps' ? 'ls' : entry.name}`],
  })),
  ...IMAGE.map((entry) => ({ ...entry, aliases: [], alsoAs: [`gantry image ${entry.name}`] })),
  { ...IMAGES, alsoAs: ['gantry image ls', 'gantry image list'] },
  { ...RMI, alsoAs: ['gantry image rm', 'gantry image remove'] },
  { ...EVENTS, alsoAs: ['gantry system events'] },
  { ...INFO, alsoAs: ['gantry system info'] },
  leaf('inspect', 'Show all about containers, images, volumes or networks', () => import('./system/inspect.ts')),
  leaf('login', 'Keep a name and password for a registry', () => import('./image/login.ts')),
  leaf('logout', 'Forget the password for a registry', () => import('./image/logout.ts')),
  leaf('ports', 'List who can reach which ports of containers, and why', () => import('./system/ports.ts')),
  leaf('scan', 'Tell what software an image holds and what is known of it', () => import('./image/scan.ts')),
  leaf('search', 'Search a registry for images', () => import('./image/search.ts')),
  leaf('version', 'Show the versions of command and engine', () => import('./system/version.ts')),
  leaf('why', 'Tell why a container, a network or the disk is in the state it is in', () => import('./system/why.ts')),
  COMPOSE,
  group(
    'builder',
    'Work with the build cache',
    under('builder', [leaf('prune', 'Remove build cache', () => import('./builder/prune.ts'))]),
  ),
  group('container', 'Work with containers', CONTAINER_GROUP),
  group('context', 'Work with addresses of engines', CONTEXT_GROUP),
  group('image', 'Work with images', IMAGE_GROUP),
  group('network', 'Work with networks', NETWORK_GROUP),
  // Run by main itself: they serve or tend a root folder rather than talk to an engine.
  group('registry', 'Run a registry of your own', [
    { name: 'gc', summary: 'Free what no manifest names' },
    { name: 'serve', summary: 'Run the registry' },
    { name: 'user', summary: 'Say who may pull and push' },
  ]),
  group('system', 'Work with the engine as a whole', SYSTEM_GROUP),
  group('trust', 'Judge images by the trust policy', [
    leaf('verify', 'Tell whether an image may be pulled, and by which signature', () => import('./trust/verify.ts')),
  ]),
  group('volume', 'Work with volumes', VOLUME_GROUP),
  // Not listed: the completion scripts ask it.
  leaf('__complete', '', () => import('./system/complete.ts')),
]
  .map((entry) => ({ ...entry, ...(COMMON.has(entry.name) ? { section: 'common' as const } : {}) }))
  .toSorted(byName);
