import { invalid } from '../../base/index.ts';

/** Names as in the OCI image specification: GOOS and GOARCH. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

const ARCHITECTURES: Record<string, string> = {
  x64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  ia32: '386',
  i386: '386',
  i686: '386',
  armhf: 'arm',
  armel: 'arm',
  loong64: 'loong64',
  ppc64el: 'ppc64le',
};
const DEFAULT_VARIANTS: Record<string, string> = { arm64: 'v8', arm: 'v7', amd64: 'v1' };

export function hostPlatform(architecture: string = process.arch): Platform {
  const name = architecture === 'ppc64' ? 'ppc64le' : architecture;
  return { os: 'linux', architecture: ARCHITECTURES[name] ?? name };
}

/** Parses `os/arch[/variant]`, `arch` or `os`, as `--platform` has it. Missing parts are the host's. */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw invalid(`"${text}" is not a platform: os/architecture[/variant] is expected, such as linux/arm64`);
  }
  const [first = '', second, third] = parts;
  if (second === undefined)
    return first === 'linux' || first === 'windows' ? { ...host, os: first } : withVariant('linux', first, undefined);
  return withVariant(first, second, third);
}

function withVariant(os: string, architecture: string, variant: string | undefined): Platform {
  const name = ARCHITECTURES[architecture] ?? architecture;
  const implied = architecture === 'armhf' ? 'v7' : architecture === 'armel' ? 'v6' : undefined;
  const chosen = variant ?? implied;
  return { os, architecture: name, ...(chosen === undefined ? {} : { variant: /^\d/.test(chosen) ? `v${chosen}` : chosen }) };
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/');
}

/**
 * How well `offered` serves `wanted`: 0 not at all, greater is better. A processor runs the code of lower variants
 * (arm v7 runs v6), so the highest one that is not above the wanted variant wins.
 */
export function matchPlatform(wanted: Platform, offered: Platform): number {
  const architecture = (name: string) => ARCHITECTURES[name] ?? name;
  if (wanted.os !== offered.os || architecture(wanted.architecture) !== architecture(offered.architecture)) return 0;
  const level = (platform: Platform) =>
    Number((platform.variant ?? DEFAULT_VARIANTS[architecture(platform.architecture)] ?? 'v1').replace(/^v/, ''));
  const [most, has] = [level(wanted), level(offered)];
  if (Number.isNaN(most) || Number.isNaN(has)) return wanted.variant === offered.variant ? 1 : 0;
  return has > most ? 0 : 1 + has;
}
