import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ContainerSpec, ResolvedMount } from '../../model/index.ts';
import { plainExec } from '../../model/testing/spec.ts';
import type { CreateRequest } from '../runtime.ts';
import { containerSpec } from '../testing/harness.ts';
import {
  buildExecProcess,
  buildOciSpec,
  buildResources,
  CAPABILITIES,
  chooseCapabilities,
  DEFAULT_CAPABILITIES,
  decodeCapabilityMask,
  resolveDevices,
  resolveProfile,
  resolveSeccomp,
  resolveUser,
  type SeccompProfile,
  type SpecFacts,
} from './index.ts';
import { mergeEnvironment } from './process.ts';
import { buildRlimits } from './rlimits.ts';
import { buildSysctls } from './sysctls.ts';

const profile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 38,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
  ],
  syscalls: [
    { names: ['read'], action: 'SCMP_ACT_ALLOW', args: [], includes: {}, excludes: {} },
    { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, excludes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64'] } },
    { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
    { names: ['future'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '99.1' } },
  ],
};

const facts: SpecFacts = {
  architecture: 'amd64',
  kernel: [6, 1],
  capabilities: new Set(CAPABILITIES),
  hardLimits: { nofile: 20_000 },
  mayRaiseLimits: false,
  seccompProfile: profile,
  thermalPaths: ['/sys/devices/system/cpu/cpu0/thermal_throttle'],
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  cgroupMounts: [{ type: 'bind', source: '/host/memory/x', target: '/sys/fs/cgroup/memory', options: ['bind', 'ro'] }],
  initPath: '/usr/bin/catatonit',
  devices: [],
};

function build(spec: Partial<ContainerSpec> = {}, rest: Partial<CreateRequest> = {}, more: Partial<SpecFacts> = {}) {
  const request: CreateRequest = {
    id: 'x',
    spec: containerSpec(spec),
    rootfs: '/root/fs',
    mounts: [],
    networkNamespace: '/run/netns/n',
    joinPids: {},
    ...rest,
  };
  return buildOciSpec(request, { ...facts, ...more });
}

describe('capabilities', () => {
  const all = new Set(CAPABILITIES);
  const cases: [string, string[], string[], readonly string[]][] = [
    ['Docker gives by default', [], [], DEFAULT_CAPABILITIES],
    [
      'are added with or without their prefix',
      ['NET_ADMIN', 'cap_sys_time'],
      [],
      [...DEFAULT_CAPABILITIES, 'CAP_NET_ADMIN', 'CAP_SYS_TIME'],
    ],
    ['are dropped one by one', [], ['MKNOD'], DEFAULT_CAPABILITIES.filter((name) => name !== 'CAP_MKNOD')],
    ['are dropped all but those added', ['CHOWN'], ['ALL'], ['CAP_CHOWN']],
    ['are added all but those dropped', ['ALL'], ['SYS_ADMIN'], CAPABILITIES.filter((name) => name !== 'CAP_SYS_ADMIN')],
  ];
  for (const [what, add, drop, expected] of cases) {
    test(what, () => assert.deepEqual(chooseCapabilities({ privileged: false, add, drop, available: all }).sort(), [...expected].sort()));
  }

  test('that the host lacks are refused by name, and left out of ALL', () => {
    const available = new Set(CAPABILITIES.filter((name) => name !== 'CAP_SYS_RESOURCE'));
    assert.throws(() => chooseCapabilities({ privileged: false, add: ['SYS_RESOURCE'], drop: [], available }), {
      message: /cannot give CAP_SYS_RESOURCE/,
    });
    assert.ok(!chooseCapabilities({ privileged: true, add: [], drop: [], available }).includes('CAP_SYS_RESOURCE'));
  });

  test('are read from a mask of the kernel', () =>
    assert.deepEqual([...decodeCapabilityMask('0000000000000021')], ['CAP_CHOWN', 'CAP_KILL']));

  test('are effective only for root', () => {
    assert.deepEqual(build({}, {}, { user: { ...facts.user, uid: 5 } }).process.capabilities.effective, []);
    assert.equal(build().process.capabilities.effective.length, DEFAULT_CAPABILITIES.length);
  });
});

describe('users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n1234:x:77:78::/odd:\n';
  const group = 'root:x:0:\nstaff:x:50:bob,ann\nwheel:x:10:root,bob\nbob:x:1001:\n';
  const cases: [string, string[], number, number, number[], string][] = [
    ['', [], 0, 0, [0, 10], '/root'],
    ['bob', [], 1000, 1001, [1001, 50, 10], '/home/bob'],
    ['1000', [], 1000, 1001, [1001, 50, 10], '/home/bob'],
    ['bob:staff', [], 1000, 50, [50], '/home/bob'],
    ['bob:7', ['wheel', '99'], 1000, 7, [7, 10, 99], '/home/bob'],
    ['4321', [], 4321, 0, [0], '/'],
    ['1234', [], 77, 78, [78], '/odd'],
  ];
  for (const [user, add, uid, gid, additionalGids, home] of cases) {
    test(`"${user}"${add.length ? ` with ${add}` : ''} is ${uid}:${gid}`, () =>
      assert.deepEqual(resolveUser(user, add, passwd, group), { uid, gid, additionalGids, home }));
  }
  test('of an image without account files are numbers', () =>
    assert.deepEqual(resolveUser('', [], '', ''), { uid: 0, gid: 0, additionalGids: [0], home: '/' }));
  test('beyond the range are refused', () =>
    assert.throws(() => resolveUser('4294967296', [], passwd, group), { message: /range 0-2147483647/ }));
});

describe('seccomp', () => {
  const resolve = (capabilities: string[]) =>
    resolveSeccomp({ kind: 'default' }, profile, { architecture: 'amd64', kernel: [5, 0], capabilities: new Set(capabilities) });
  test('keeps the rules whose conditions hold', () => {
    const known = { architecture: 'amd64', kernel: [5, 0] as const, capabilities: new Set<string>() };
    const seccomp = resolveProfile(profile, known);
    assert.deepEqual(
      seccomp.syscalls.map((rule) => `${rule.names} ${rule.action} ${rule.errnoRet ?? ''}`.trim()),
      ['read SCMP_ACT_ALLOW', 'mount SCMP_ACT_ERRNO 1', 'arch_prctl SCMP_ACT_ALLOW', 'ptrace SCMP_ACT_ALLOW'],
    );
    assert.deepEqual(seccomp.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    assert.equal(seccomp.defaultErrnoRet, 38);
  });
  test('of the default lets only CAP_SYS_ADMIN make namespaces and mounts', () => {
    const actions = (capabilities: string[], name: string) =>
      resolve(capabilities)
        ?.syscalls.filter((rule) => rule.names.includes(name))
        .map((rule) => `${rule.action} ${rule.args?.[0]?.op ?? rule.errnoRet ?? ''}`.trim());
    assert.deepEqual(actions([], 'unshare'), ['SCMP_ACT_ERRNO 1']);
    assert.deepEqual(actions([], 'mount'), ['SCMP_ACT_ERRNO 1']);
    assert.deepEqual(actions([], 'clone'), ['SCMP_ACT_ALLOW SCMP_CMP_MASKED_EQ']);
    assert.deepEqual(actions([], 'clone3'), ['SCMP_ACT_ERRNO 38']);
    for (const name of ['unshare', 'mount', 'clone', 'clone3']) assert.deepEqual(actions(['CAP_SYS_ADMIN'], name), ['SCMP_ACT_ALLOW']);
    assert.deepEqual(actions(['CAP_SYS_ADMIN'], 'keyctl'), ['SCMP_ACT_ERRNO 1']);
    for (const [name, capability] of [
      ['syslog', 'CAP_SYSLOG'],
      ['syslog', 'CAP_SYS_ADMIN'],
      ['reboot', 'CAP_SYS_BOOT'],
      ['pidfd_getfd', 'CAP_SYS_PTRACE'],
      ['mbind', 'CAP_SYS_NICE'],
    ] as const) {
      assert.deepEqual(actions([], name), ['SCMP_ACT_ERRNO 1']);
      assert.deepEqual(actions([capability], name), ['SCMP_ACT_ALLOW']);
    }
    assert.deepEqual(actions([], 'socket'), ['SCMP_ACT_ALLOW SCMP_CMP_NE', 'SCMP_ACT_ERRNO SCMP_CMP_EQ']);
  });
  test('takes a profile as text or as an object, and none', () => {
    const known = { architecture: 'arm64', kernel: [6, 0] as const, capabilities: new Set<string>() };
    assert.equal(
      resolveSeccomp({ kind: 'profile', profile: '{"defaultAction":"SCMP_ACT_ALLOW"}' }, undefined, known)?.defaultAction,
      'SCMP_ACT_ALLOW',
    );
    assert.equal(resolveSeccomp({ kind: 'unconfined' }, profile, known), undefined);
    assert.throws(() => resolveSeccomp({ kind: 'profile', profile: '{' }, profile, known), { message: /Decoding seccomp profile failed/ });
    assert.throws(() => resolveSeccomp({ kind: 'profile', profile: {} }, profile, known), { message: /defaultAction is missing/ });
    assert.throws(() => resolveSeccomp({ kind: 'default' }, undefined, known), { kind: 'unavailable' });
  });
});

describe('limits', () => {
  test('of a process never go above those of the daemon', () => {
    assert.throws(() => buildRlimits([{ name: 'nofile', soft: 10, hard: 30_000 }], { nofile: 20_000 }, false), {
      message: /nofile=10:30000 is above what this host allows: the hard limit is 20000/,
    });
    assert.deepEqual(buildRlimits([{ name: 'nofile', soft: 10, hard: 30_000 }], { nofile: 20_000 }, true), [
      { type: 'RLIMIT_NOFILE', soft: 10, hard: 30_000 },
    ]);
    assert.throws(() => buildRlimits([{ name: 'nofile', soft: 9, hard: 8 }], {}, false), {
      message: /soft limit must be less than or equal to hard limit: 9 > 8/,
    });
    assert.throws(() => buildRlimits([{ name: 'wings', soft: 1, hard: 1 }], {}, false), { message: /invalid ulimit type: wings/ });
  });
  test('without bound are written to the last digit', () => {
    assert.equal(
      JSON.stringify(buildRlimits([{ name: 'core', soft: -1, hard: -1 }], {}, false)),
      '[{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551615}]',
    );
  });
  test('of a cgroup take the form of the specification', () => {
    const resources = buildResources(
      {
        memory: 1000,
        memorySwap: -1,
        nanoCpus: 1_500_000_000,
        cpusetCpus: '0-1',
        pidsLimit: -1,
        blkioDeviceReadBps: [{ path: '/dev/a', rate: 5 }],
        oomKillDisable: false,
      },
      [{ allow: true, type: 'c', major: 1, minor: 0, access: 'r' }],
      () => ({ major: 8, minor: 0 }),
    );
    assert.deepEqual(resources, {
      devices: [{ allow: true, type: 'c', major: 1, minor: 0, access: 'r' }],
      memory: { limit: 1000, swap: -1 },
      cpu: { period: 100_000, quota: 150_000, cpus: '0-1' },
      pids: { limit: -1 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 5 }] },
    });
  });
});

describe('sysctls', () => {
  const own = { network: true, ipc: true, uts: true };
  test('of own namespaces are taken, with the defaults of an own network', () => {
    assert.deepEqual(buildSysctls({ 'net.core.somaxconn': '9', 'kernel.shmmax': '1' }, own), {
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
      'net.core.somaxconn': '9',
      'kernel.shmmax': '1',
    });
  });
  const refused: [string, Partial<typeof own>][] = [
    ['net.core.somaxconn', { network: false }],
    ['kernel.shmmax', { ipc: false }],
    ['kernel.domainname', { uts: false }],
    ['kernel.panic', {}],
    ['kernel.hostname', {}],
    ['net/../kernel.panic', {}],
  ];
  for (const [name, lacking] of refused)
    test(`refuse ${name} where it would reach the host`, () =>
      assert.throws(() => buildSysctls({ [name]: '1' }, { ...own, ...lacking }), { kind: 'invalid' }));
});

describe('devices', () => {
  test('are found on the host by path, link and directory', () => {
    const directory = mkdtempSync(join(tmpdir(), 'gantry-devices-'));
    try {
      symlinkSync('/dev/null', join(directory, 'link'));
      writeFileSync(join(directory, 'plain'), '');
      const { devices, rules } = resolveDevices([
        { pathOnHost: '/dev/zero', pathInContainer: '/dev/z', permissions: 'r' },
        { pathOnHost: join(directory, 'link'), pathInContainer: '', permissions: '' },
      ]);
      assert.deepEqual(
        devices.map(({ path, type, major, minor }) => [path, type, major, minor]),
        [
          ['/dev/z', 'c', 1, 5],
          [join(directory, 'link'), 'c', 1, 3],
        ],
      );
      assert.deepEqual(rules[0], { allow: true, type: 'c', major: 1, minor: 5, access: 'r' });
      assert.throws(() => resolveDevices([{ pathOnHost: join(directory, 'plain'), pathInContainer: '', permissions: 'rwm' }]), {
        message: /not a device node/,
      });
      assert.throws(() => resolveDevices([{ pathOnHost: directory, pathInContainer: '', permissions: 'rwm' }]), {
        message: /no devices in this directory/,
      });
      assert.throws(() => resolveDevices([{ pathOnHost: '/dev/null', pathInContainer: '', permissions: 'x' }]), {
        message: /invalid device mode: x/,
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the configuration of a container', () => {
  const destinations = (spec: ReturnType<typeof build>) => spec.mounts.map((mount) => mount.destination);

  test('has the standard mounts, and lets asked ones take their place', () => {
    assert.deepEqual(destinations(build()), ['/proc', '/dev', '/dev/pts', '/sys', '/sys/fs/cgroup/memory', '/dev/mqueue', '/dev/shm']);
    const mount = (target: string): ResolvedMount => ({ type: 'bind', source: '/s', target, options: ['rbind'] });
    assert.deepEqual(destinations(build({}, { mounts: [mount('/dev'), mount('/a')] })), [
      '/proc',
      '/sys',
      '/sys/fs/cgroup/memory',
      '/dev',
      '/a',
    ]);
    assert.deepEqual(destinations(build({ ipcMode: { kind: 'none' } })).includes('/dev/shm'), false);
    assert.equal(build({}, { sharedMemory: '/run/shm' }).mounts.at(-1)?.source, '/run/shm');
    assert.equal(build({ ipcMode: { kind: 'host' } }).mounts.at(-1)?.source, '/dev/shm');
  });

  test('opens everything to a privileged one', () => {
    const { linux, mounts } = build({ privileged: true });
    assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.seccomp], [[], [], undefined]);
    assert.ok(mounts.every((mount) => !mount.options.includes('ro')));
  });

  test('masks what Docker masks unless told otherwise', () => {
    for (const path of ['/proc/kcore', '/sys/devices/system/cpu/cpu0/thermal_throttle'])
      assert.ok(build().linux.maskedPaths.includes(path));
    assert.deepEqual(build({ maskedPaths: [] }).linux.maskedPaths, []);
    assert.deepEqual(build({ maskedPaths: [], readonlyPaths: ['/x'] }).linux.readonlyPaths, ['/x']);
  });

  const namespaces: [string, Partial<ContainerSpec>, Partial<CreateRequest>, string[]][] = [
    ['own ones', {}, {}, ['mount', 'network=/run/netns/n', 'pid', 'ipc', 'uts']],
    [
      'those of the host',
      { pidMode: { kind: 'host' }, ipcMode: { kind: 'host' }, utsMode: { kind: 'host' } },
      { networkNamespace: undefined },
      ['mount'],
    ],
    [
      'those of another container',
      { pidMode: { kind: 'container', id: 'y' }, ipcMode: { kind: 'container', id: 'y' } },
      { joinPids: { pid: 7, ipc: 8 } },
      ['mount', 'network=/run/netns/n', 'pid=/proc/7/ns/pid', 'ipc=/proc/8/ns/ipc', 'uts'],
    ],
    ['an own cgroup', { cgroupNamespaceMode: { kind: 'private' } }, {}, ['mount', 'network=/run/netns/n', 'pid', 'ipc', 'uts', 'cgroup']],
  ];
  for (const [what, spec, rest, expected] of namespaces) {
    test(`joins ${what}`, () =>
      assert.deepEqual(
        build(spec, rest).linux.namespaces.map(({ type, path }) => (path ? `${type}=${path}` : type)),
        expected,
      ));
  }

  test('refuses to join a container that does not run', () =>
    assert.throws(() => build({ pidMode: { kind: 'container', id: 'gone' } }), { message: /container gone: it is not running/ }));

  test('puts an init before the command where the container has a process 1', () => {
    assert.deepEqual(build({ init: true, command: ['a', 'b'] }).process.args, ['/sbin/docker-init', '--', 'a', 'b']);
    assert.deepEqual(build({ init: true, pidMode: { kind: 'host' } }).process.args, ['true']);
  });

  test('has Docker’s environment with the asked one over it', () => {
    const { env } = build({ tty: true, environment: ['TERM=dumb', 'EMPTY=', 'HOSTNAME'] }).process;
    assert.deepEqual(env, ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=dumb', 'EMPTY=', 'HOME=/root']);
    assert.deepEqual(mergeEnvironment(['A=1', 'B=2'], ['A=3', 'C=4', 'B']), ['A=3', 'C=4']);
  });

  test('lets mounts of the host reach it as far as its mounts ask', () => {
    const bind = (option: string): ResolvedMount => ({ type: 'bind', source: '/s', target: '/t', options: ['rbind', option] });
    assert.equal(build({}, { mounts: [bind('rprivate')] }).linux.rootfsPropagation, undefined);
    assert.equal(build({}, { mounts: [bind('rslave')] }).linux.rootfsPropagation, 'rslave');
    assert.equal(build({}, { mounts: [bind('rslave'), bind('shared')] }).linux.rootfsPropagation, 'rshared');
  });

  test('refuses an OOM score that the host cannot give', () => {
    assert.throws(() => build({ oomScoreAdjust: -5 }), { message: /lets no container go below 0/ });
    assert.throws(() => build({ oomScoreAdjust: 1001 }), { message: /\[-1000, 1000\]/ });
    assert.equal(build({ oomScoreAdjust: 500 }).process.oomScoreAdj, 500);
  });

  test('is built for an exec from that of its container', () => {
    const process = buildExecProcess(
      containerSpec({ environment: ['A=1'], workingDirectory: '/w' }),
      plainExec(['ls'], { environment: ['B=2'], privileged: true, tty: true }),
      facts,
      { rows: 2, columns: 3 },
    );
    assert.deepEqual(
      [process.cwd, process.args, process.consoleSize, process.capabilities.effective.length],
      ['/w', ['ls'], { height: 2, width: 3 }, CAPABILITIES.length],
    );
    assert.ok(process.env.includes('A=1') && process.env.includes('B=2') && process.env.includes('TERM=xterm'));
  });
});
