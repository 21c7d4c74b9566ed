import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseFlags } from '../flags/index.ts';
import { CREATE_FLAGS, createBody } from './index.ts';

const around = { env: { MINE: 'yes' }, cwd: '/' };
const body = (...words: string[]) => {
  const { flags, args } = parseFlags(CREATE_FLAGS, words, { stopAtArgument: true });
  return createBody(flags, args[0] ?? '', args.slice(1), around);
};
const host = (...words: string[]) => body(...words, 'image').HostConfig;

test('createBody() leaves out what was not asked for', () => {
  assert.deepEqual(body('image', 'ls', '-l'), {
    Cmd: ['ls', '-l'],
    Image: 'image',
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: false,
    StdinOnce: false,
    Tty: false,
    HostConfig: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, NetworkMode: 'default' },
    NetworkingConfig: { EndpointsConfig: { default: {} } },
  });
});

test('-p reads addresses, ranges and protocols', () => {
  const { PortBindings } = host('-p', '8080-8081:80-81', '-p', '127.0.0.1::53/udp', '-p', '[::1]:90:90', '-p', '1000-1010:99');
  assert.deepEqual(PortBindings, {
    '80/tcp': [{ HostIp: '', HostPort: '8080' }],
    '81/tcp': [{ HostIp: '', HostPort: '8081' }],
    '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    '90/tcp': [{ HostIp: '::1', HostPort: '90' }],
    '99/tcp': [{ HostIp: '', HostPort: '1000-1010' }],
  });
  for (const [wrong, reason] of [
    ['99999:1', 'Invalid hostPort: 99999'],
    ['1:a', 'Invalid containerPort: a'],
    ['1-3:1-2', 'Invalid ranges specified for container and host Ports: 1-2 and 1-3'],
    ['1:1/foo', 'Invalid proto: foo'],
  ] as const)
    assert.throws(() => host('-p', wrong), { message: reason, code: 125 });
});

test('--mount reads every kind and refuses options of another kind', () => {
  const { Mounts } = host(
    '--mount',
    'type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave',
    '--mount',
    'type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770',
    '--mount',
    'src=v,dst=/v,volume-opt=a=b,"volume-label=x=1,2"',
  );
  assert.deepEqual(Mounts, [
    { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
    { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } },
    { Type: 'volume', Source: 'v', Target: '/v', VolumeOptions: { DriverConfig: { Options: { a: 'b' } }, Labels: { x: '1,2' } } },
  ]);
  assert.throws(() => host('--mount', 'type=bind,dst=/b,tmpfs-size=1m'), /cannot mix 'tmpfs-\*' options with mount type 'bind'/);
  assert.throws(() => host('--mount', 'type=bind'), /target is required/);
});

test('-v tells volumes, folders and unnamed volumes apart', () => {
  const made = body('-v', './x:/y', '-v', '/anon', '-v', 'vol:/z:ro', 'image');
  assert.deepEqual([made.HostConfig.Binds, made.Volumes], [['/x:/y', 'vol:/z:ro'], { '/anon': {} }]);
});

test('--network may be given more than once, and single flags belong to the first', () => {
  const made = body(
    '--network',
    'one',
    '--ip',
    '10.0.0.5',
    '--network-alias',
    'db',
    '--network',
    'name=two,alias=x,driver-opt=a=b',
    'image',
  );
  assert.equal(made.HostConfig.NetworkMode, 'one');
  assert.deepEqual(made.NetworkingConfig, {
    EndpointsConfig: { one: { IPAMConfig: { IPv4Address: '10.0.0.5' }, Aliases: ['db'] }, two: { Aliases: ['x'], DriverOpts: { a: 'b' } } },
  });
  assert.throws(() => body('--network', 'host', '--network', 'two', 'image'), /cannot attach both/);
});

test('environment comes from files first, and a bare name takes the value here', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gantry-cli-test-'));
  try {
    const file = path.join(folder, 'env');
    writeFileSync(file, '# note\nA=1\n\nMINE\nABSENT\nB=x y\n');
    assert.deepEqual(body('--env-file', file, '-e', 'A=2', '-e', 'MINE', '-e', 'ABSENT', 'image').Env, [
      'A=1',
      'MINE=yes',
      'B=x y',
      'A=2',
      'MINE=yes',
      'ABSENT',
    ]);
    assert.throws(() => body('--env-file', `${folder}/none`, 'image'), /no such file or directory/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('limits become bytes, nanoseconds and billionths of a processor', () => {
  const { RestartPolicy, NetworkMode, ...rest } = host(
    '-m',
    '64m',
    '--cpus',
    '1.5',
    '--memory-swap',
    '-1',
    '--ulimit',
    'nofile=10:20',
    '--device-read-bps',
    '/dev/sda:1m',
    '--shm-size',
    '1g',
    '--pids-limit',
    '-1',
  );
  assert.deepEqual([RestartPolicy, NetworkMode], [{ Name: 'no', MaximumRetryCount: 0 }, 'default']);
  assert.deepEqual(rest, {
    NanoCpus: 1500000000,
    Memory: 67108864,
    MemorySwap: -1,
    PidsLimit: -1,
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1048576 }],
    ShmSize: 1073741824,
    Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
  });
  const { Healthcheck } = body('--health-cmd', 'true', '--health-interval', '3s', 'image');
  assert.deepEqual(Healthcheck, { Test: ['CMD-SHELL', 'true'], Interval: 3e9 });
});

test('what cannot be done is refused by the name of its flag', () => {
  assert.throws(() => body('--gpus', 'all', 'image'), /--gpus is not supported/);
  assert.throws(() => body('--rm', '--restart', 'always', 'image'), /cannot specify both --restart and --rm/);
  assert.throws(() => body('--rm', '--restart-unhealthy', 'image'), /cannot specify both --restart-unhealthy and --rm/);
  assert.deepEqual(body('--restart-unhealthy', '--label', 'a=b', 'image').Labels, { a: 'b', 'gantry.restart-unhealthy': 'true' });
  assert.throws(() => body('--no-healthcheck', '--health-cmd', 'x', 'image'), /--no-healthcheck conflicts/);
  assert.throws(
    () => body('--security-opt', 'seccomp=/nosuch', 'image'),
    /opening seccomp profile \(\/nosuch\) failed: open \/nosuch: no such file or directory/,
  );
});
