import { bool, type FlagSpec, list, text } from './flags/index.ts';

/** Flags that stand before the command's name. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  text('config', "Folder of the client's settings (default ~/.docker)", { completes: 'directories' }),
  text('context', 'Use this context to reach the engine', { short: 'c', completes: 'contexts' }),
  bool('debug', 'Tell more when something fails', { short: 'D' }),
  list('host', 'Address of the engine: unix:///path or tcp://host:port', { short: 'H' }),
  text('log-level', 'Least important messages to show', {
    short: 'l',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'fatal'],
  }),
  bool('tls', 'Use TLS; implied by --tlsverify'),
  text('tlscacert', 'Trust only certificates signed by this CA', { completes: 'files' }),
  text('tlscert', "The client's certificate", { completes: 'files' }),
  text('tlskey', "The client's key", { completes: 'files' }),
  bool('tlsverify', 'Use TLS and verify the engine'),
  bool('version', 'Print the version and quit', { short: 'v' }),
];
