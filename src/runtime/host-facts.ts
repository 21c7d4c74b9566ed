import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errnoOf, GantryError } from '../base/index.ts';
import { readFileInRoot, readRlimits } from '../host/index.ts';
import { type ContainerUser, decodeCapabilityMask, resolveUser, type SeccompProfile } from './spec/index.ts';

const SECCOMP_PROFILE = '/usr/share/containers/seccomp.json';
const LARGEST_ACCOUNT_FILE = 8 * 1024 * 1024;
/** Node's words to Go's, which profiles use. */
const ARCHITECTURES: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

/** What does not change while the daemon runs. */
export interface HostFacts {
  architecture: string;
  kernel: readonly [number, number];
  capabilities: ReadonlySet<string>;
  hardLimits: Record<string, number>;
  mayRaiseLimits: boolean;
  seccompProfile: SeccompProfile | undefined;
  /** Folders that count how often each processor got hot: they tell a container what its neighbours compute. */
  thermalPaths: readonly string[];
}

export function readHostFacts(): HostFacts {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = (row: string) => decodeCapabilityMask(new RegExp(`^${row}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0');
  const permitted = mask('CapPrm');
  const [major = 0, minor = 0] = release().split(/[.-]/).map(Number);
  return {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    kernel: [major, minor],
    capabilities: new Set([...mask('CapBnd')].filter((name) => permitted.has(name))),
    hardLimits: Object.fromEntries(Object.entries(readRlimits()).map(([name, { hard }]) => [name, hard])),
    mayRaiseLimits: mask('CapEff').has('CAP_SYS_RESOURCE'),
    seccompProfile: readSeccompProfile(),
    thermalPaths: findThermalPaths(),
  };
}

/** Only where the processor has such counters. */
function findThermalPaths(folder = '/sys/devices/system/cpu'): string[] {
  const processors = readdirSync(folder).filter((name) => /^cpu\d+$/.test(name));
  return processors.map((name) => `${folder}/${name}/thermal_throttle`).filter((path) => existsSync(path));
}

function readSeccompProfile(): SeccompProfile | undefined {
  let text: string;
  try {
    text = readFileSync(SECCOMP_PROFILE, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as SeccompProfile;
  } catch (cause) {
    throw new GantryError('internal', `The default seccomp profile ${SECCOMP_PROFILE} is not JSON`, { cause });
  }
}

/** Looks a container's user up in its own account files, without following links out of its root. */
export function lookUpUser(rootfs: string, user: string, groupAdd: readonly string[]): ContainerUser {
  const text = (file: string) => readFileInRoot(rootfs, file, LARGEST_ACCOUNT_FILE)?.toString('utf8') ?? '';
  return resolveUser(user, groupAdd, text('/etc/passwd'), text('/etc/group'));
}
