import { invalid, unsupported } from '../../base/index.ts';
import type { ContainerSpec } from '../../model/index.ts';

export interface LogPolicy {
  /** False for the driver `none`. */
  enabled: boolean;
  /** Bytes after which a file is rotated; Infinity for never. */
  maximumSize: number;
  /** Files kept in all, the current one included. */
  maximumFiles: number;
}

const MEBIBYTE = 1024 * 1024;
/** Logs are bounded also when nobody asks: half a GiB for each container. */
const DEFAULT_SIZE = 64 * MEBIBYTE;
const DEFAULT_FILES = 8;
const FILES_OF_DRIVER = { 'json-file': 1, local: 5 } as const;
/** Options that say what goes into the details of a line or how the writer waits: nothing to decide here. */
const DESCRIPTIVE = new Set(['labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']);

/** Decides the log files of a container. Errors: `invalid` or `unsupported` naming the option. */
export function logPolicy(log: ContainerSpec['log']): LogPolicy {
  const { driver, options } = log;
  if (driver === 'none') return { enabled: false, maximumSize: Number.POSITIVE_INFINITY, maximumFiles: 1 };
  for (const [name, value] of Object.entries(options)) {
    if (DESCRIPTIVE.has(name)) checkDescriptive(name, value);
    else if (name === 'compress') checkCompress(value);
    else if (name !== 'max-size' && name !== 'max-file') throw invalid(`unknown log opt '${name}' for ${driver} log driver`);
  }
  const size = options['max-size'] === undefined ? undefined : parseSize(options['max-size']);
  const files = options['max-file'] === undefined ? undefined : parseFiles(options['max-file']);
  return {
    enabled: true,
    maximumSize: size ?? DEFAULT_SIZE,
    maximumFiles: files ?? (size === undefined || size === Number.POSITIVE_INFINITY ? DEFAULT_FILES : FILES_OF_DRIVER[driver]),
  };
}

/** Docker's sizes: `10k`, `20m`, `1g`, plain bytes; -1 means no bound. */
function parseSize(text: string): number {
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim());
  const bytes = match ? Math.floor(Number(match[1]) * 1024 ** ' kmgt'.indexOf((match[2] || ' ').toLowerCase())) : 0;
  if (bytes <= 0) throw invalid(`invalid value for max-size: ${text}`);
  return bytes;
}

function parseFiles(text: string): number {
  if (!/^-?\d+$/.test(text)) throw invalid(`invalid value for max-file: ${text}`);
  if (Number(text) < 1) throw invalid('max-file cannot be less than 1');
  return Number(text);
}

function checkCompress(value: string): void {
  if (value !== 'true' && value !== 'false') throw invalid(`invalid value for compress: ${value}`);
  if (value === 'true') throw unsupported("log opt 'compress' is not supported: rotated log files are kept as they are");
}

function checkDescriptive(name: string, value: string): void {
  if (name === 'mode' && value !== 'blocking' && value !== 'non-blocking') throw invalid(`logger: logging mode not supported: ${value}`);
}
