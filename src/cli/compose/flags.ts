import { type FlagSpec, list, text } from '../flags/index.ts';

/** Flags between `compose` and the word after it: which project is meant. */
export const COMPOSE_FLAGS: readonly FlagSpec[] = [
  text('ansi', 'When to use colours and redrawn rows', { choices: ['auto', 'never'], default: 'auto' }),
  list('env-file', 'Read variables from this file instead of .env (repeatable)', { completes: 'files' }),
  list('file', 'A file of the project; later ones over earlier ones (repeatable)', { short: 'f', completes: 'files' }),
  list('profile', 'A profile to activate (repeatable; * for all)'),
  text('progress', 'How to show progress', { choices: ['auto', 'tty', 'plain', 'quiet'], default: 'auto' }),
  text('project-directory', 'Folder that relative paths begin at (that of the first file)', { completes: 'directories' }),
  text('project-name', 'Name of the project', { short: 'p' }),
];
