import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GantryError } from '../../../base/index.ts';
import { FAKE_HOST } from '../testing/fake-engine.ts';
import { decodeCreate } from './create.ts';
import { checkAgainst, decodeUpdate } from './update.ts';

type Document = Record<string, unknown>;

function decode(hostConfig: Document = {}, config: Document = {}) {
  return decodeCreate(
    { Image: 'busybox', ...config, HostConfig: hostConfig },
    { name: undefined, platform: undefined, minor: 51, host: FAKE_HOST },
  ).spec;
}

describe('decodeCreate() refuses by name', () => {
  const cases: [string, Document, Document, RegExp][] = [
    ['no image', {}, { Image: '' }, /no image specified/],
    ['a wrong type', { Memory: '64m' }, {}, /HostConfig\.Memory must be a whole number, not the string "64m"/],
    ['a wrong type in a list', {}, { Env: ['A=1', 2] }, /Env must be a list of strings/],
    ['too little memory', { Memory: 4 << 20 }, {}, /Minimum memory limit allowed is 6MB/],
    ['less swap than memory', { Memory: 64 << 20, MemorySwap: 32 << 20 }, {}, /memoryswap limit should be larger than memory limit/],
    ['swap without memory', { MemorySwap: 64 << 20 }, {}, /always set the Memory limit/],
    ['more processors than there are', { NanoCpus: 3e9 }, {}, /range of CPUs is from 0\.01 to 2\.00, as there are only 2 CPUs available/],
    ['two ways to limit processors', { NanoCpus: 1e9, CpuQuota: 50000 }, {}, /Conflicting options: Nano CPUs and CPU Quota/],
    ['processors that are not there', { CpusetCpus: '0-7' }, {}, /Requested CPUs are not available - requested 0-7, available: 0-1/],
    ['an unknown restart policy', { RestartPolicy: { Name: 'sometimes' } }, {}, /invalid restart policy: unknown policy 'sometimes'/],
    ['retries without on-failure', { RestartPolicy: { Name: 'always', MaximumRetryCount: 2 } }, {}, /can only be used with 'on-failure'/],
    [
      'auto-remove with a restart policy',
      { AutoRemove: true, RestartPolicy: { Name: 'always' } },
      {},
      /can't create 'AutoRemove' container with restart policy/,
    ],
    ['an invalid port', { PortBindings: { '99999/tcp': [{ HostPort: '1' }] } }, {}, /invalid port specification: "99999\/tcp"/],
    ['an invalid host port', { PortBindings: { '80/tcp': [{ HostPort: 'http' }] } }, {}, /invalid port specification: "http"/],
    ['an invalid protocol', {}, { ExposedPorts: { '80/icmp': {} } }, /invalid proto: icmp/],
    ['an invalid bind mode', { Binds: ['/a:/b:rx'] }, {}, /invalid mode: rx/],
    ['a relative bind source', { Binds: ['../a:/b'] }, {}, /includes invalid characters for a local volume name/],
    ['a bind on the root', { Binds: ['/a:/'] }, {}, /destination can't be '\/'/],
    ['two mounts for one target', { Binds: ['/a:/b', 'v:/b/'] }, {}, /Duplicate mount point: \/b/],
    ['a mount without a target', { Mounts: [{ Type: 'bind', Source: '/a' }] }, {}, /field Target must not be empty/],
    [
      'options of another mount type',
      { Mounts: [{ Type: 'tmpfs', Target: '/t', BindOptions: {} }] },
      {},
      /field BindOptions must not be specified/,
    ],
    ['an unknown mount type', { Mounts: [{ Type: 'disk', Target: '/t' }] }, {}, /invalid mount config for type "disk": mount type unknown/],
    [
      'an address on the default bridge',
      {},
      { NetworkingConfig: { EndpointsConfig: { bridge: { IPAMConfig: { IPv4Address: '172.17.0.9' } } } } },
      /user specified IP address is supported on user defined networks only/,
    ],
    ['a volume driver', { VolumeDriver: 'nfs' }, {}, /HostConfig\.VolumeDriver 'nfs' is not supported/],
    ['device requests', { DeviceRequests: [{ Count: -1 }] }, {}, /HostConfig\.DeviceRequests/],
    ['storage options', { StorageOpt: { size: '1G' } }, {}, /HostConfig\.StorageOpt/],
    ['user namespaces', { UsernsMode: 'private' }, {}, /HostConfig\.UsernsMode 'private'/],
    ['a logging driver', { LogConfig: { Type: 'syslog' } }, {}, /logging driver 'syslog'/],
    [
      'a log option',
      { LogConfig: { Type: 'json-file', Config: { 'max-length': '1' } } },
      {},
      /unknown log opt 'max-length' for json-file log driver/,
    ],
    ['an AppArmor profile', { SecurityOpt: ['apparmor=tight'] }, {}, /apparmor=tight/],
    ['a broken seccomp profile', { SecurityOpt: ['seccomp={'] }, {}, /Decoding seccomp profile failed/],
    ['an unknown security option', { SecurityOpt: ['magic=1'] }, {}, /invalid --security-opt: "magic=1"/],
    ['an unknown capability', { CapAdd: ['FLY'] }, {}, /invalid CapAdd: unknown capability: "CAP_FLY"/],
    ['a sysctl of the host', { Sysctls: { 'vm.swappiness': '1' } }, {}, /sysctl 'vm\.swappiness' is not in a separate kernel namespace/],
    ['an unknown runtime', { Runtime: 'kata' }, {}, /unknown or invalid runtime name: kata/],
    ['an unknown ulimit', { Ulimits: [{ Name: 'files', Soft: 1, Hard: 1 }] }, {}, /invalid ulimit type: files/],
    [
      "ports with another container's network",
      { NetworkMode: 'container:a', PortBindings: { '80/tcp': [{}] } },
      {},
      /conflicting options: port publishing and the container type network mode/,
    ],
    ["a hostname with the host's UTS", { UTSMode: 'host' }, { Hostname: 'h' }, /conflicting options: hostname and the UTS mode/],
    ['an unknown signal', {}, { StopSignal: 'SIGFOO' }, /invalid signal: SIGFOO/],
    ['a relative working directory', {}, { WorkingDir: 'tmp' }, /needs to be an absolute path/],
    ['a variable without a name', {}, { Env: ['=x'] }, /invalid environment variable: =x/],
    ['a hasty health check', {}, { Healthcheck: { Test: ['CMD', 'true'], Interval: 5 } }, /cannot be less than one millisecond/],
    ['an extra host without an address', { ExtraHosts: ['db'] }, {}, /bad format for add-host: "db"/],
    ['a nameserver by name', { Dns: ['dns.example'] }, {}, /bad nameserver address dns\.example/],
  ];
  for (const [what, hostConfig, config, complaint] of cases) {
    test(what, () =>
      assert.throws(
        () => decode(hostConfig, config),
        (error: unknown) =>
          error instanceof GantryError && (error.kind === 'invalid' || error.kind === 'unsupported') && complaint.test(error.message),
      ),
    );
  }
});

describe('decodeCreate() honours', () => {
  test('binds with their options', () => {
    assert.deepEqual(decode({ Binds: ['/a/../b:/c:ro,rslave,z', 'data:/d:nocopy', '/e'] }).mounts, [
      { type: 'bind', source: '/b', target: '/c', readOnly: true, recursive: true, propagation: 'rslave', createSource: true },
      { type: 'volume', source: 'data', target: '/d', readOnly: false, anonymous: false, noCopy: true },
      { type: 'volume', source: '', target: '/e', readOnly: false, anonymous: true, noCopy: false },
    ]);
  });

  test('mounts of the API and tmpfs', () => {
    const mounts = decode({
      Mounts: [
        { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { NonRecursive: true } },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 4096, Mode: 0o700, Options: [['noexec'], ['uid', '5']] } },
      ],
      Tmpfs: { '/s': 'size=64m,mode=1770,noexec' },
    }).mounts;
    assert.deepEqual(mounts, [
      { type: 'bind', source: '/a', target: '/b', readOnly: true, recursive: false, propagation: 'rprivate', createSource: false },
      { type: 'tmpfs', target: '/t', readOnly: false, size: 4096, mode: 0o700, options: ['noexec', 'uid=5'] },
      { type: 'tmpfs', target: '/s', readOnly: false, size: 64 << 20, mode: 0o1770, options: ['noexec'] },
    ]);
  });

  test('a path that Volumes and Binds both name, as old clients send it', () => {
    assert.equal(decode({ Binds: ['/a:/b'] }, { Volumes: { '/b': {}, '/c': {} } }).mounts.length, 2);
  });

  test('ports: fixed, ephemeral, a choice and a range on an address', () => {
    assert.deepEqual(
      decode({
        PortBindings: {
          '80/tcp': [{ HostPort: '8080' }, { HostIp: '127.0.0.1', HostPort: '' }],
          '53/udp': [{ HostPort: '5000-5010' }],
          '90-91': [{ HostIp: '::1', HostPort: '100-101' }],
        },
      }).ports,
      [
        { containerPort: 80, protocol: 'tcp', hostAddress: '', hostPorts: { from: 8080, to: 8080 } },
        { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1' },
        { containerPort: 53, protocol: 'udp', hostAddress: '', hostPorts: { from: 5000, to: 5010 } },
        { containerPort: 90, protocol: 'tcp', hostAddress: '::1', hostPorts: { from: 100, to: 100 } },
        { containerPort: 91, protocol: 'tcp', hostAddress: '::1', hostPorts: { from: 101, to: 101 } },
      ],
    );
  });

  test('limits, with as much swap as memory unless said otherwise', () => {
    assert.deepEqual(
      decode({ Memory: 64 << 20, NanoCpus: 5e8, PidsLimit: 50, CpuShares: 1, OomKillDisable: false, MemorySwappiness: -1 }).resources,
      {
        memory: 64 << 20,
        memorySwap: 128 << 20,
        nanoCpus: 5e8,
        cpuShares: 2,
        pidsLimit: 50,
      },
    );
  });

  test('security options', () => {
    const spec = decode({
      SecurityOpt: ['no-new-privileges', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}', 'label=disable', 'apparmor=unconfined'],
      CapAdd: ['net_admin', 'ALL'],
      CapDrop: ['CAP_MKNOD'],
    });
    assert.equal(spec.noNewPrivileges, true);
    assert.deepEqual(spec.seccomp, { kind: 'profile', profile: { defaultAction: 'SCMP_ACT_ALLOW' } });
    assert.deepEqual([spec.capabilitiesAdd, spec.capabilitiesDrop], [['CAP_NET_ADMIN', 'ALL'], ['CAP_MKNOD']]);
  });

  test('namespaces of the host and of other containers', () => {
    const spec = decode({ NetworkMode: 'container:a', IpcMode: 'shareable', PidMode: 'container:b', UTSMode: 'host' });
    assert.deepEqual(
      [spec.networkMode, spec.ipcMode, spec.pidMode, spec.utsMode],
      [{ kind: 'container', id: 'a' }, { kind: 'shareable' }, { kind: 'container', id: 'b' }, { kind: 'host' }],
    );
  });

  test('addresses and names', () => {
    const spec = decodeCreate(
      {
        Image: 'b',
        MacAddress: '02-42-AC-11-00-05',
        HostConfig: { ExtraHosts: ['a=::1', 'h:host-gateway'], Links: ['/db', 'web:w'] },
        NetworkingConfig: { EndpointsConfig: { default: { Aliases: ['a'] } } },
      },
      { name: undefined, platform: undefined, minor: 41, host: FAKE_HOST },
    ).spec;
    assert.deepEqual(spec.endpoints, {
      bridge: { aliases: ['a'], links: [], driverOptions: {}, macAddress: '02:42:ac:11:00:05' },
    });
    assert.deepEqual(
      [spec.extraHosts, spec.links],
      [
        ['a:::1', 'h:host-gateway'],
        ['db:db', 'web:w'],
      ],
    );
  });

  test('field names whatever their case, and fields it does not know', () => {
    assert.equal(decode({}, { hostname: 'h', Unknown: { a: 1 } }).hostname, 'h');
  });
});

test('checkAgainst() wants new memory to fit the swap that stays', () => {
  assert.throws(() => checkAgainst({ memory: 64, memorySwap: 128 }, { memory: 256 }), /smaller than already set memoryswap limit/);
  checkAgainst({ memory: 64, memorySwap: 128 }, { memory: 256, memorySwap: 512 });
  checkAgainst({ memory: 64, memorySwap: -1 }, { memory: 256 });
});

test('decodeUpdate() leaves alone what it does not name', () => {
  assert.deepEqual(decodeUpdate({ Memory: 0, CpuShares: 512, RestartPolicy: { Name: '' } }, 2), { resources: { cpuShares: 512 } });
  assert.deepEqual(decodeUpdate({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }, 2), {
    resources: {},
    restart: { name: 'on-failure', maximumRetryCount: 3 },
  });
});
