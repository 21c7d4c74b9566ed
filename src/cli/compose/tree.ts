import type { Entry } from '../command.ts';
import { COMPOSE_FLAGS } from './flags.ts';

const leaf = (name: string, summary: string, load: NonNullable<Entry['load']>): Entry => ({ name, summary, load });

/** `gantry compose`: loaded word by word, so that other commands never pay for it. */
export const COMPOSE: Entry = {
  name: 'compose',
  summary: 'Run whole applications from a file',
  section: 'group',
  flags: COMPOSE_FLAGS,
  children: [
    leaf('build', 'Build the images of services', () => import('./commands/build.ts')),
    leaf('config', 'Check the files and print what they come to', () => import('./commands/config.ts')),
    leaf('cp', 'Copy files between a container of a service and here', () => import('./commands/cp.ts')),
    leaf('create', 'Make the containers of services without starting them', () => import('./commands/create.ts')),
    leaf('down', 'Stop and remove containers and networks', () => import('./commands/down.ts')),
    leaf('events', 'Print what happens to containers of the project', () => import('./commands/events.ts')),
    leaf('exec', 'Run one more command in a container of a service', () => import('./commands/exec.ts')),
    leaf('images', 'List the images of the containers', () => import('./commands/images.ts')),
    leaf('kill', 'Send a signal to containers', () => import('./commands/kill.ts')),
    leaf('logs', 'Show what containers have written', () => import('./commands/logs.ts')),
    leaf('ls', 'List projects', () => import('./commands/ls.ts')),
    leaf('pause', 'Freeze containers', () => import('./commands/pause.ts')),
    leaf('port', 'Show which address leads to a port of a service', () => import('./commands/port.ts')),
    leaf('ps', 'List containers', () => import('./commands/ps.ts')),
    leaf('pull', 'Fetch the images of services', () => import('./commands/pull.ts')),
    leaf('push', 'Send the images of services to their registries', () => import('./commands/push.ts')),
    leaf('restart', 'Stop containers and start them again', () => import('./commands/restart.ts')),
    leaf('rm', 'Remove stopped containers', () => import('./commands/rm.ts')),
    leaf('run', 'Run one command in a new container of a service', () => import('./commands/run.ts')),
    leaf('scale', 'Set the number of containers of services', () => import('./commands/scale.ts')),
    leaf('start', 'Start containers', () => import('./commands/start.ts')),
    leaf('stats', 'Watch what containers use', () => import('./commands/stats.ts')),
    leaf('stop', 'Stop containers', () => import('./commands/stop.ts')),
    leaf('top', 'Show the processes of containers', () => import('./commands/top.ts')),
    leaf('unpause', 'Let frozen containers go on', () => import('./commands/unpause.ts')),
    leaf('up', 'Bring the project to what its files say', () => import('./commands/up.ts')),
    leaf('version', 'Show the version', () => import('./commands/version.ts')),
    leaf('wait', 'Wait until containers of services end', () => import('./commands/wait.ts')),
  ],
};
