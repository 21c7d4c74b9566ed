// What scripts rely on: exit statuses, streams and messages of the unmodified Docker client.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startDaemon, type TestDaemon } from '../support/index.ts';

interface Expectation {
  name: string;
  args: string[];
  status?: number;
  stdout?: RegExp;
  stderr?: RegExp;
  input?: string;
}

const IMAGE = 'gantry/busybox';
const once = (...rest: string[]) => ['run', '--rm', '--network', 'none', ...rest];

const TABLE: Expectation[] = [
  { name: 'run gives the exit status of the program', args: once(IMAGE, 'sh', '-c', 'exit 42'), status: 42 },
  { name: 'run gives 127 when the program is not in the image', args: once(IMAGE, 'nowhere'), status: 127, stderr: /nowhere/ },
  {
    name: 'run gives 126 when the program cannot be executed',
    args: once(IMAGE, '/etc/passwd'),
    status: 126,
    stderr: /permission denied/i,
  },
  { name: 'run gives 125 when the daemon refuses an option', args: once('--memory', '1k', IMAGE, 'true'), status: 125, stderr: /memory/i },
  {
    name: 'run gives 125 for an image that nobody has',
    args: once('--pull', 'never', 'gantry/none', 'true'),
    status: 125,
    stderr: /No such image/,
  },
  { name: 'run gives 137 for a program killed by SIGKILL', args: once('--init', IMAGE, 'sh', '-c', 'kill -9 $$'), status: 137 },
  { name: 'run gives 143 for a program killed by SIGTERM', args: once('--init', IMAGE, 'sh', '-c', 'kill -15 $$'), status: 143 },
  {
    name: 'run keeps standard output and error apart',
    args: once(IMAGE, 'sh', '-c', 'echo out; echo err >&2'),
    stdout: /^out\n$/,
    stderr: /^err\n$/,
  },
  {
    name: 'run -i feeds standard input to its end',
    args: once('-i', IMAGE, 'sh', '-c', 'wc -c; echo done'),
    input: 'x'.repeat(300_000),
    stdout: /^300000\ndone\n$/,
  },
  {
    name: 'run takes the entrypoint given, with its arguments',
    args: once('--entrypoint', 'echo', IMAGE, 'a', 'b c'),
    stdout: /^a b c\n$/,
  },
  {
    name: 'run sets environment, workdir, user and hostname',
    args: once(
      '-e',
      'COLOUR=green',
      '-w',
      '/var/here',
      '-u',
      'daemon',
      '-h',
      'box',
      IMAGE,
      'sh',
      '-c',
      'echo $COLOUR $PWD $(id -u) $(hostname)',
    ),
    stdout: /^green \/var\/here 1 box\n$/,
  },
  {
    name: 'run adds groups by number and name',
    args: once('-u', '1000:50', '--group-add', 'users', '--group-add', '777', IMAGE, 'id'),
    stdout: /uid=1000 gid=50 groups=50,(100\(users\),777|777,100\(users\))/,
  },
  {
    name: 'run drops and adds capabilities',
    args: once('--cap-drop', 'ALL', '--cap-add', 'CHOWN', IMAGE, 'grep', 'CapEff', '/proc/self/status'),
    stdout: /^CapEff:\t0000000000000001\n$/,
  },
  { name: 'run refuses an unknown capability by name', args: once('--cap-add', 'FLY', IMAGE, 'true'), status: 125, stderr: /CAP_FLY|FLY/ },
  {
    name: 'run --read-only lets nothing be written but tmpfs mounts',
    args: once('--read-only', '--tmpfs', '/scratch:size=1m', IMAGE, 'sh', '-c', 'touch /scratch/a && ! touch /a 2>/dev/null && echo both'),
    stdout: /^both\n$/,
  },
  {
    name: 'run limits memory, pids and shared memory',
    args: once('-m', '64m', '--shm-size', '8m', IMAGE, 'sh', '-c', 'df -k /dev/shm | tail -1'),
    stdout: /\s8192\s/,
  },
  {
    name: 'run gives no new privileges when told so',
    args: once('--security-opt', 'no-new-privileges', IMAGE, 'grep', 'NoNewPrivs', '/proc/self/status'),
    stdout: /NoNewPrivs:\t1/,
  },
  { name: 'run applies the default seccomp profile', args: once(IMAGE, 'grep', '^Seccomp:', '/proc/self/status'), stdout: /Seccomp:\t2/ },
  {
    name: 'run seccomp=unconfined lifts the profile',
    args: once('--security-opt', 'seccomp=unconfined', IMAGE, 'grep', '^Seccomp:', '/proc/self/status'),
    stdout: /Seccomp:\t0/,
  },
  {
    name: 'run sets ulimits and sysctls',
    args: once(
      '--ulimit',
      'nofile=100:200',
      '--sysctl',
      'net.core.somaxconn=77',
      IMAGE,
      'sh',
      '-c',
      'ulimit -n; cat /proc/sys/net/core/somaxconn',
    ),
    stdout: /^100\n77\n$/,
  },
  {
    name: 'run writes extra hosts and name servers',
    args: [
      'run',
      '--rm',
      '--add-host',
      'db:10.9.8.7',
      '--dns',
      '10.1.1.1',
      '--dns-search',
      'example.test',
      IMAGE,
      'cat',
      '/etc/hosts',
      '/etc/resolv.conf',
    ],
    stdout:
      /10\.9\.8\.7\tdb[\s\S]*nameserver 10\.1\.1\.1[\s\S]*search example\.test|10\.9\.8\.7\tdb[\s\S]*search example\.test[\s\S]*nameserver 10\.1\.1\.1/,
  },
  {
    name: 'run --network host shares the namespace',
    args: ['run', '--rm', '--network', 'host', IMAGE, 'ip', 'address', 'show', 'eth0'],
    stdout: /10\.211\.0\.1\/24/,
  },
  { name: 'run --network none has a loopback only', args: once(IMAGE, 'sh', '-c', 'ls /sys/class/net'), stdout: /^lo\n$/ },
  {
    name: 'run --pid host sees the processes of the host',
    args: once('--pid', 'host', IMAGE, 'sh', '-c', '[ $$ -ne 1 ] && echo other'),
    stdout: /^other\n$/,
  },
  {
    name: 'run --init puts an init before the program',
    args: once('--init', IMAGE, 'sh', '-c', '[ $$ -ne 1 ] && echo child'),
    stdout: /^child\n$/,
  },
  {
    name: 'run --privileged has all capabilities',
    args: once('--privileged', IMAGE, 'sh', '-c', 'mount -t tmpfs tmpfs /tmp && echo mounted'),
    stdout: /^mounted\n$/,
  },
  {
    name: 'masked and read-only paths of /proc are covered',
    args: once(IMAGE, 'sh', '-c', 'cat /proc/kcore | wc -c; echo x 2>/dev/null >/proc/sys/kernel/domainname || echo refused'),
    stdout: /^0\nrefused\n$/,
  },
  {
    name: 'inspect of nothing is an error and an empty list',
    args: ['inspect', 'nobody'],
    status: 1,
    stdout: /^\[\]\n$/,
    stderr: /No such object: nobody/,
  },
  {
    name: 'container inspect of nothing names it',
    args: ['container', 'inspect', 'nobody'],
    status: 1,
    stderr: /No such container: nobody/,
  },
  { name: 'rm of nothing names it', args: ['rm', 'nobody'], status: 1, stderr: /No such container: nobody/ },
  { name: 'start of nothing names it', args: ['start', 'nobody'], status: 1, stderr: /No such container: nobody/ },
  { name: 'image rm of nothing names it', args: ['rmi', 'nobody'], status: 1, stderr: /No such image: nobody/ },
  { name: 'volume inspect of nothing names it', args: ['volume', 'inspect', 'nothing'], status: 1, stderr: /no such volume/i },
  { name: 'network inspect of nothing names it', args: ['network', 'inspect', 'nothing'], status: 1, stderr: /network nothing not found/i },
  { name: 'ps refuses an unknown filter by name', args: ['ps', '--filter', 'colour=green'], status: 1, stderr: /invalid filter 'colour'/ },
  {
    name: 'network ls shows the three that are always there',
    args: ['network', 'ls', '--format', '{{.Name}} {{.Driver}}'],
    stdout: /^bridge bridge\nhost host\nnone null\n$/,
  },
  { name: 'version shows the server', args: ['version', '--format', '{{.Server.Os}} {{.Server.APIVersion}}'], stdout: /^linux 1\.\d+\n$/ },
  {
    name: 'info tells the storage and cgroup drivers',
    args: ['info', '--format', '{{.Driver}} {{.CgroupDriver}} {{.OSType}}'],
    stdout: /overlay\S* cgroupfs linux/,
  },
];

suite('the small print of the docker client', () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
  });
  after(() => daemon[Symbol.asyncDispose]());

  for (const row of TABLE) {
    test(row.name, async () => {
      const outcome = await daemon.dockerWith(row.input === undefined ? {} : { input: row.input }, ...row.args);
      assert.equal(outcome.status, row.status ?? 0, outcome.stderr);
      if (row.stdout) assert.match(outcome.stdout, row.stdout);
      if (row.stderr) assert.match(outcome.stderr, row.stderr);
    });
  }
});
