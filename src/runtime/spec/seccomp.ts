import { GantryError, invalid } from '../../base/index.ts';
import type { SeccompChoice } from '../../model/index.ts';
import type { OciSeccomp, OciSeccompRule } from './oci.ts';
import { guardNamespaces } from './seccomp-guard.ts';

/** Docker's profile format: an OCI seccomp section whose rules carry conditions. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: ProfileRule[] | null;
}

interface ProfileRule {
  name?: string;
  names?: string[];
  action: string;
  errnoRet?: number;
  args?: OciSeccompRule['args'] | null;
  includes?: Conditions | null;
  excludes?: Conditions | null;
}

interface Conditions {
  arches?: string[];
  caps?: string[];
  minKernel?: string;
}

export interface SeccompFacts {
  /** In Go's words (amd64, arm64), as the profiles have it. */
  architecture: string;
  kernel: readonly [number, number];
  /** The container's bounding set. */
  capabilities: ReadonlySet<string>;
}

const NATIVE: Record<string, string> = {
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  arm: 'SCMP_ARCH_ARM',
  ppc64le: 'SCMP_ARCH_PPC64LE',
  s390x: 'SCMP_ARCH_S390X',
  riscv64: 'SCMP_ARCH_RISCV64',
  loong64: 'SCMP_ARCH_LOONGARCH64',
};

/** The seccomp section for `choice`; undefined means none. `standard` is the host's default profile. */
export function resolveSeccomp(choice: SeccompChoice, standard: SeccompProfile | undefined, facts: SeccompFacts): OciSeccomp | undefined {
  if (choice.kind === 'unconfined') return undefined;
  if (choice.kind === 'profile') return resolveProfile(checkProfile(choice.profile), facts);
  if (!standard) {
    throw new GantryError('unavailable', 'The default seccomp profile /usr/share/containers/seccomp.json is not installed', {
      hint: 'Install golang-github-containers-common, or run with --security-opt seccomp=unconfined',
    });
  }
  return resolveProfile(guardNamespaces(standard), facts);
}

function checkProfile(profile: unknown): SeccompProfile {
  let value = profile;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch (cause) {
      throw new GantryError('invalid', 'Decoding seccomp profile failed: it is not JSON', { cause });
    }
  }
  const candidate = value as Partial<SeccompProfile> | null;
  if (typeof candidate !== 'object' || candidate === null || typeof candidate.defaultAction !== 'string') {
    throw invalid('Decoding seccomp profile failed: defaultAction is missing');
  }
  if (candidate.syscalls && !Array.isArray(candidate.syscalls)) throw invalid('Decoding seccomp profile failed: syscalls is not a list');
  if (candidate.architectures?.length && candidate.archMap?.length) {
    throw invalid("Decoding seccomp profile failed: use either 'architectures' or 'archMap'");
  }
  return candidate as SeccompProfile;
}

/** Keeps the rules whose conditions hold for `facts` and turns them into OCI form. */
export function resolveProfile(profile: SeccompProfile, facts: SeccompFacts): OciSeccomp {
  const native = NATIVE[facts.architecture];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const architectures = profile.architectures ?? (mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : undefined);
  const syscalls: OciSeccompRule[] = [];
  for (const rule of profile.syscalls ?? []) {
    if (!applies(rule, facts)) continue;
    const names = rule.names ?? (rule.name === undefined ? [] : [rule.name]);
    if (names.length === 0 || typeof rule.action !== 'string')
      throw invalid('Decoding seccomp profile failed: a rule lacks names or action');
    syscalls.push({
      names,
      action: rule.action,
      ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
      ...(rule.args?.length ? { args: rule.args } : {}),
    });
  }
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures ? { architectures } : {}),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    ...(profile.listenerPath ? { listenerPath: profile.listenerPath } : {}),
    ...(profile.listenerMetadata ? { listenerMetadata: profile.listenerMetadata } : {}),
    syscalls,
  };
}

function applies(rule: ProfileRule, facts: SeccompFacts): boolean {
  const { includes, excludes } = rule;
  if (excludes?.arches?.includes(facts.architecture)) return false;
  if (excludes?.caps?.some((name) => facts.capabilities.has(name))) return false;
  if (excludes?.minKernel && atLeast(facts.kernel, excludes.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(facts.architecture)) return false;
  if (includes?.caps?.some((name) => !facts.capabilities.has(name))) return false;
  if (includes?.minKernel && !atLeast(facts.kernel, includes.minKernel)) return false;
  return true;
}

function atLeast(kernel: readonly [number, number], wanted: string): boolean {
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
}
