import { invalid } from '../../base/index.ts';

/** Names as in the image specification. */
export interface Platform {
  os: string;
  architecture: string;
  variant: string;
}

const ALIASES: Record<string, string> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386', i686: '386' };
const OPERATING_SYSTEMS = new Set(['linux', 'windows', 'darwin', 'freebsd', 'netbsd', 'openbsd', 'plan9', 'wasi', 'js', 'android']);

/** `os/architecture[/variant]`, `os` or `architecture`; what is missing is the host's. */
export function parsePlatform(text: string, host: string): Platform {
  const parts = text.split('/').map((part) => part.toLowerCase());
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part)))
    throw invalid(`${JSON.stringify(text.slice(0, 200))}: invalid platform: os/architecture[/variant] is expected, such as linux/arm64`);
  const [first = '', second, third = ''] = parts;
  const [hostOs = 'linux', hostArchitecture = 'amd64', hostVariant = ''] = host.split('/');
  if (second !== undefined) return normalized(first, second, third);
  if (OPERATING_SYSTEMS.has(first)) return normalized(first, hostArchitecture, hostVariant);
  return normalized(hostOs, first, '');
}

function normalized(os: string, written: string, variant: string): Platform {
  if (written === 'armhf') return { os, architecture: 'arm', variant: 'v7' };
  if (written === 'armel') return { os, architecture: 'arm', variant: 'v6' };
  const architecture = ALIASES[written] ?? written;
  const prefixed = /^\d+$/.test(variant) ? `v${variant}` : variant;
  if (architecture === 'arm') return { os, architecture, variant: prefixed || 'v7' };
  if ((architecture === 'amd64' && prefixed === 'v1') || (architecture === 'arm64' && prefixed === 'v8'))
    return { os, architecture, variant: '' };
  return { os, architecture, variant: architecture === '386' ? '' : prefixed };
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === '' ? [] : [variant])].join('/');
