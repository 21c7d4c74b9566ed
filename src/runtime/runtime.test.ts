import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../base/index.ts';
import { openCgroups } from '../host/index.ts';
import { plainExec } from '../model/testing/spec.ts';
import type { Runtime } from './index.ts';
import { StartError } from './index.ts';
import { canRun, collect, exitsOf, Harness, runToEnd } from './testing/harness.ts';

describe('containers', { skip: !canRun && 'needs root, busybox and conmon', timeout: 120_000 }, () => {
  let harness: Harness;
  let runtime: Runtime;
  before(async () => {
    harness = new Harness();
    runtime = await harness.open();
  });
  after(() => harness[Symbol.asyncDispose]());

  const shell = (script: string, spec = {}) => harness.request({ command: ['sh', '-c', script], ...spec });

  for (const name of ['crun', 'runc']) {
    test(`run under ${name} and tell streams, exit code and time of the end`, async () => {
      const before = new Date(Date.now() - 1000).toISOString();
      const { stdout, stderr, exit } = await runToEnd(runtime, shell('echo out; echo err >&2; exit 3', { runtime: name }));
      assert.deepEqual([stdout, stderr, exit.exitCode, exit.oomKilled], ['out\n', 'err\n', 3, false]);
      assert.ok(exit.finishedAt > before && exit.finishedAt < new Date(Date.now() + 1000).toISOString(), exit.finishedAt);
    });

    test(`under ${name} can be executed in, paused, measured and killed, and leave nothing behind`, async () => {
      const request = shell('trap exit TERM; while :; do sleep 0.05; done', {
        runtime: name,
        resources: { memory: 64 << 20, pidsLimit: 50 },
      });
      const { id } = request;
      const exited = exitsOf(runtime);
      const { pid } = await runtime.create(request);
      assert.equal((await runtime.inspect(id)).status, 'created');
      await runtime.start(id);
      assert.equal((await runtime.inspect(id)).status, 'running');
      const exec = await runtime.exec({
        execId: harness.execId(),
        containerId: id,
        containerSpec: request.spec,
        rootfs: harness.rootfs,
        spec: plainExec(['sh', '-c', 'echo $$; cat /proc/self/cgroup; exit 7']),
      });
      const { stdout } = await collect(exec.streams ?? assert.fail('attached')).ended;
      assert.equal(await exec.exited, 7);
      assert.match(stdout, new RegExp(`memory:.*/${id}\n`));
      const usage = await runtime.usage(id);
      assert.equal(usage.memory.limit, 64 << 20);
      assert.equal(usage.pids.limit, 50);
      // The monitor is not of the container: neither limited nor listed with it.
      assert.doesNotMatch(readFileSync(`/proc/${parentOf(pid)}/cgroup`, 'utf8'), new RegExp(id));
      assert.ok((await runtime.processes(id, [])).processes.some((row) => row.includes(String(pid))));
      await runtime.pause(id);
      assert.equal((await runtime.inspect(id)).status, 'paused');
      await runtime.resume(id);
      await runtime.signal(id, 15);
      assert.equal((await exited(id)).exitCode, 0);
      await runtime.remove(id);
      await runtime.remove(id);
      assert.equal((await runtime.inspect(id)).status, 'absent');
      assert.ok(!openCgroups(silentLog).exists(`${harness.cgroupParent}/${id}`));
      assert.ok(!existsSync(join(harness.base, 'run/oci', name, id)));
    });
  }

  test('see what Docker would show them', async () => {
    const script =
      'pwd; id; hostname; echo $HOME $HOSTNAME $A; cat /proc/self/status | grep -E "CapEff|Seccomp:"; cat /proc/sys/kernel/domainname; ls /sys/fs/cgroup | grep -c .; cat /proc/keys | wc -c';
    const { stdout } = await runToEnd(
      runtime,
      shell(script, {
        user: 'bob',
        groupAdd: ['wheel'],
        workingDirectory: '/made/here',
        environment: ['A=1 2'],
        domainname: 'example.test',
      }),
    );
    const lines = stdout.trim().split('\n');
    assert.deepEqual(lines.slice(0, 4), [
      '/made/here',
      'uid=1000(bob) gid=1000(bob) groups=10(wheel),1000(bob)',
      'box',
      '/home/bob box 1 2',
    ]);
    assert.match(lines[4] ?? '', /CapEff:\s+0000000000000000/);
    assert.match(lines[5] ?? '', /Seccomp:\s+2/);
    assert.equal(lines[6], 'example.test');
    assert.ok(Number(lines[7]) >= 1);
    assert.equal(lines[8], '0');
  });

  test('privileged ones have every capability of the host, its devices and no filter', async () => {
    const { stdout } = await runToEnd(
      runtime,
      shell('grep -E "CapEff|Seccomp:" /proc/self/status; ls /dev | wc -l; touch /proc/sys/kernel/domainname && echo writable', {
        privileged: true,
      }),
    );
    const own = /CapBnd:\s+(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    assert.match(stdout, new RegExp(`CapEff:\\s+${own}\nSeccomp:\\s+0`));
    assert.match(stdout, /writable/);
  });

  test('get mounts, a read-only root, an own shared memory and an init as asked', async () => {
    writeFileSync(join(harness.base, 'given'), 'from the host\n');
    const request = harness.request(
      {
        command: [
          'sh',
          '-c',
          'cat /etc/given; echo x > /etc/given; echo y > /file; echo z > /scratch/a && cat /scratch/a; mount | grep /dev/shm; ps',
        ],
        readOnlyRoot: true,
        shmSize: 1 << 20,
        init: existsSync('/usr/bin/catatonit') || existsSync('/usr/bin/tini'),
      },
      {
        mounts: [
          { type: 'bind', source: join(harness.base, 'given'), target: '/etc/given', options: ['rbind', 'ro', 'rprivate'] },
          { type: 'tmpfs', source: 'tmpfs', target: '/scratch', options: ['nosuid', 'size=64k'] },
        ],
      },
    );
    const { stdout, stderr } = await runToEnd(runtime, request);
    assert.match(stdout, /^from the host\nz\n/);
    assert.match(stdout, /size=1024k/);
    assert.match(stderr, /given: Read-only file system/);
    assert.match(stderr, /\/file: Read-only file system/);
    if (request.spec.init) assert.match(stdout, /1 root .*docker-init/);
  });

  test('read their input to its end', async () => {
    const request = harness.request({ command: ['wc', '-c'], openStdin: true, stdinOnce: true });
    const exited = exitsOf(runtime);
    await runtime.create(request);
    const session = await runtime.attach(request.id);
    const output = collect(session);
    await runtime.start(request.id);
    const chunk = Buffer.alloc(100_000, 'x');
    for (let i = 0; i < 30; i += 1) if (!session.write(chunk)) await new Promise<void>((resolve) => session.onDrain(resolve));
    session.endInput();
    assert.equal((await output.ended).stdout, '3000000\n');
    assert.equal((await exited(request.id)).exitCode, 0);
    await runtime.remove(request.id);
  });

  test('are heard at once: what waits for their output runs in the same turn', async () => {
    const request = shell('sleep 0.2; echo now; sleep 5');
    await runtime.create(request);
    const session = await runtime.attach(request.id);
    const heard = new Promise<number>((resolve) => session.onOutput(() => resolve(performance.now())));
    await runtime.start(request.id);
    const at = await heard;
    assert.ok(performance.now() - at < 100, `${performance.now() - at} ms`);
    await runtime.remove(request.id);
  });

  test('read end-of-file when their only writer goes away, not when a reader does', async () => {
    const exited = exitsOf(runtime);
    const request = harness.request({ command: ['cat'], openStdin: true, stdinOnce: true });
    await runtime.create(request);
    await runtime.start(request.id);
    const reader = await runtime.attach(request.id);
    collect(reader);
    reader.close();
    const writer = await runtime.attach(request.id);
    const output = collect(writer);
    writer.write(Buffer.from('still here\n'));
    await output.until('still here');
    writer.close();
    assert.equal((await exited(request.id)).exitCode, 0);
    await runtime.remove(request.id);
  });

  test('keep their input open for the next client unless they take only one', async () => {
    const request = harness.request({ command: ['cat'], openStdin: true });
    await runtime.create(request);
    await runtime.start(request.id);
    for (const word of ['one\n', 'two\n']) {
      const session = await runtime.attach(request.id);
      const output = collect(session);
      session.write(Buffer.from(word));
      await output.until(word);
      session.endInput();
      session.close();
    }
    assert.equal((await runtime.inspect(request.id)).status, 'running');
    await runtime.remove(request.id);
  });

  test('have a terminal whose size can change', async () => {
    const request = shell('read a; stty size; read b; stty size', { tty: true, openStdin: true });
    await runtime.create(request);
    const session = await runtime.attach(request.id);
    const output = collect(session);
    await runtime.start(request.id);
    await runtime.resize(request.id, { rows: 33, columns: 101 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    session.write(Buffer.from('\n'));
    await output.until('33 101');
    await runtime.resize(request.id, { rows: 44, columns: 102 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    session.write(Buffer.from('\n'));
    assert.match((await output.ended).stdout, /44 102/);
    await runtime.remove(request.id);
  });

  test('show every reader all of the output, in order, also a slow one', async () => {
    const request = harness.request({ command: ['seq', '1', '200000'] });
    await runtime.create(request);
    const [fast, slow] = [await runtime.attach(request.id), await runtime.attach(request.id)];
    const outputs = [collect(fast), collect(slow)];
    let paused = 0;
    const pause = setInterval(() => {
      slow.pause();
      paused += 1;
      setTimeout(() => slow.resume(), 5);
    }, 15);
    await runtime.start(request.id);
    const expected = Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join('');
    for (const output of outputs) assert.ok((await output.ended).stdout === expected);
    clearInterval(pause);
    assert.ok(paused > 0);
    await runtime.remove(request.id);
  });

  test('keep two streams apart that take turns', async () => {
    const { stdout, stderr } = await runToEnd(
      runtime,
      shell('i=0; while [ $i -lt 3000 ]; do echo o$i; echo e$i >&2; [ $((i % 9)) = 0 ] && echo more$i; i=$((i+1)); done'),
    );
    const numbers = Array.from({ length: 3000 }, (_, i) => i);
    assert.ok(stdout === numbers.map((i) => (i % 9 === 0 ? `o${i}\nmore${i}\n` : `o${i}\n`)).join(''));
    assert.ok(stderr === numbers.map((i) => `e${i}\n`).join(''));
  });

  test('end although a reader of theirs is stuck', async () => {
    const exited = exitsOf(runtime);
    const request = harness.request({ command: ['yes'] });
    await runtime.create(request);
    const session = await runtime.attach(request.id);
    session.onOutput(() => session.pause());
    await runtime.start(request.id);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await runtime.signal(request.id, 9);
    assert.equal((await exited(request.id)).exitCode, 137);
    await runtime.remove(request.id);
  });

  const failures: [string, object, number, RegExp][] = [
    [
      'a command that is not on the PATH',
      { command: ['no-such-command'] },
      127,
      /exec: "no-such-command": executable file not found in \$PATH/,
    ],
    ['a command whose path is missing', { command: ['/no/such/command'] }, 127, /"\/no\/such\/command".*no such file or directory/],
    ['a command without permission', { command: ['/etc/passwd'] }, 126, /permission denied/],
  ];
  for (const [what, spec, code, message] of failures) {
    for (const name of ['crun', 'runc']) {
      test(`${what} fails under ${name} with ${code}, and nothing is left`, async () => {
        const request = harness.request({ ...spec, runtime: name });
        await assert.rejects(
          async () => {
            await runtime.create(request);
            await runtime.start(request.id);
          },
          (error: unknown) => {
            assert.ok(error instanceof StartError, String(error));
            assert.match(error.message, message);
            assert.equal(error.exitCode, code);
            return true;
          },
        );
        await runtime.remove(request.id);
        assert.ok(!(await runtime.list()).includes(request.id));
        assert.deepEqual(
          readdirSync(join(harness.base, 'run/oci', name)).filter((entry) => entry === request.id),
          [],
        );
      });
    }
  }

  const refusals: [string, object, RegExp][] = [
    ['user', { user: 'nobody-here' }, /unable to find user nobody-here: no matching entries in passwd file/],
    ['group', { user: 'bob:nogroup-here' }, /unable to find group nogroup-here: no matching entries in group file/],
    ['capability', { capabilitiesAdd: ['FLY'] }, /invalid CapAdd: unknown capability: "FLY"/],
    [
      'device',
      { devices: [{ pathOnHost: '/dev/nope', pathInContainer: '/dev/nope', permissions: 'rwm' }] },
      /"\/dev\/nope": no such file or directory/,
    ],
    ['sysctl', { sysctls: { 'vm.swappiness': '1' } }, /sysctl "vm.swappiness" is not in a separate kernel namespace/],
    ['log option', { log: { driver: 'json-file', options: { nonsense: '1' } } }, /unknown log opt 'nonsense' for json-file log driver/],
    ['OCI runtime', { runtime: 'absent' }, /OCI runtime "absent" is not installed/],
  ];
  for (const [what, spec, message] of refusals) {
    test(`a wrong ${what} is refused by name before anything is made`, async () => {
      const request = harness.request(spec);
      await assert.rejects(runtime.create(request), { message });
      assert.ok(!existsSync(join(harness.base, 'run/containers', request.id)));
    });
  }

  test('that use too much memory are killed and recorded so', async () => {
    const { exit } = await runToEnd(
      runtime,
      shell('x=a; while :; do x=$x$x; done', { resources: { memory: 16 << 20, memorySwap: 16 << 20 } }),
    );
    assert.deepEqual([exit.exitCode, exit.oomKilled], [137, true]);
  });

  test('can use only the devices that they were given', async () => {
    const given = await runToEnd(runtime, shell('head -c 3 /dev/zero | wc -c; mknod /tmp/loop c 10 237 && head -c0 </tmp/loop', {}));
    assert.equal(given.stdout, '3\n');
    assert.match(given.stderr, /Operation not permitted/);
    const more = await runToEnd(
      runtime,
      shell('ls -l /dev/extra', { devices: [{ pathOnHost: '/dev/null', pathInContainer: '/dev/extra', permissions: 'r' }] }),
    );
    assert.match(more.stdout, /crw.* 1, +3 .*extra/);
  });

  test('end when their monitor is killed', async () => {
    const exited = exitsOf(runtime);
    const request = harness.request({ command: ['sleep', '100'] });
    const { pid } = await runtime.create(request);
    await runtime.start(request.id);
    process.kill(parentOf(pid), 'SIGKILL');
    assert.equal((await exited(request.id)).exitCode, 137);
    assert.equal((await runtime.inspect(request.id)).status, 'stopped');
    await runtime.remove(request.id);
  });

  test('describe what they run on', async () => {
    const description = await runtime.describe();
    assert.match(description.runtimes['crun']?.version ?? '', /^\d/);
    assert.equal(description.runtimes['absent'], undefined);
    assert.match(description.monitor?.version ?? '', /^\d/);
  });
});

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
