import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { isKind, silentLog } from '../../base/index.ts';
import { parseMountLine } from '../mounts.ts';
import { type Spawned, spawn } from '../processes.ts';
import { findHierarchies } from './hierarchies.ts';
import { ALL_DEVICES, type Cgroups, DEFAULT_DEVICE_RULES, openCgroups } from './index.ts';
import { planVersion1, planVersion2, weightOfShares } from './limits.ts';
import { blockIoVersion1, blockIoVersion2, processorUsage } from './usage.ts';

const parent = `/gantry-host-test-${process.pid}`;
const path = `${parent}/one`;
const MiB = 1024 * 1024;
let cgroups: Cgroups;
let children: Spawned[] = [];

const onVersion1 = { skip: findHierarchies().version === 'v1' ? false : 'cgroup v1 is not mounted' };

beforeEach(() => {
  cgroups = openCgroups(silentLog);
});
afterEach(async () => {
  await cgroups.kill(parent);
  await cgroups.remove(parent);
  for (const child of children) await child.exit;
  children = [];
});

/** A shell in the cgroup: it waits for a line before it runs `script`. */
async function member(script: string): Promise<Spawned> {
  const child = await spawn('sh', ['-c', `read go; ${script}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  cgroups.add(path, child.pid);
  child.stdin?.end('go\n');
  return child;
}

const kernelValue = (controller: string, file: string) =>
  readFileSync(`${findHierarchies().folders.get(controller)}${path}/${file}`, 'utf8').trim();

test('create() sets limits that the kernel shows, and can be repeated', onVersion1, () => {
  const limits = { memory: 64 * MiB, memorySwap: 128 * MiB, nanoCpus: 500_000_000, cpuShares: 512, pidsLimit: 20, cpusetCpus: '0' };
  cgroups.create(path, limits, DEFAULT_DEVICE_RULES);
  cgroups.create(path, limits, DEFAULT_DEVICE_RULES);
  assert.equal(kernelValue('memory', 'memory.limit_in_bytes'), String(64 * MiB));
  assert.equal(kernelValue('cpu', 'cpu.cfs_quota_us'), '50000');
  assert.equal(kernelValue('cpu', 'cpu.shares'), '512');
  assert.equal(kernelValue('cpuset', 'cpuset.cpus'), '0');
  const stats = cgroups.stats(path);
  assert.deepEqual([stats?.memory.limit, stats?.pids.limit], [64 * MiB, 20]);
  assert.deepEqual(cgroups.list(parent), ['one']);
});

test('apply() raises and lowers memory together with memory + swap', onVersion1, () => {
  cgroups.create(path, { memory: 64 * MiB, memorySwap: 64 * MiB }, []);
  cgroups.apply(path, { memory: 256 * MiB, memorySwap: 512 * MiB });
  cgroups.apply(path, { memory: 16 * MiB, memorySwap: 32 * MiB });
  assert.equal(kernelValue('memory', 'memory.limit_in_bytes'), String(16 * MiB));
  cgroups.apply(path, { memory: -1, memorySwap: -1 });
  assert.ok((cgroups.stats(path)?.memory.limit ?? 0) > 256 * MiB);
});

test('apply() names the limit that the kernel refuses', onVersion1, () => {
  cgroups.create(path, {}, []);
  assert.throws(() => cgroups.apply(path, { cpusetCpus: '4000' }), /refuses "4000" for cpusetCpus/);
  assert.throws(() => cgroups.apply(path, { blkioDeviceReadBps: [{ path: '/etc/passwd', rate: 1 }] }), /\/etc\/passwd is not a device/);
  assert.throws(
    () => cgroups.create('/../escape', {}, []),
    (error) => isKind(error, 'invalid'),
  );
});

test('device rules stop what is not allowed', onVersion1, async () => {
  cgroups.create(path, {}, DEFAULT_DEVICE_RULES);
  const child = await member('cat </dev/null && echo null; cat </dev/kmsg || echo no kmsg');
  const chunks: string[] = [];
  for await (const chunk of child.stdout ?? []) chunks.push(String(chunk));
  assert.equal(chunks.join(''), 'null\nno kmsg\n');
  cgroups.create(path, {}, ALL_DEVICES);
  assert.equal(kernelValue('devices', 'devices.list'), 'a *:* rwm');
});

test('add() puts a process and its later children in; kill() ends them all, also frozen', onVersion1, async () => {
  cgroups.create(path, {}, []);
  const child = await member('sleep 60 & sleep 60 & wait');
  while (cgroups.processes(path).length < 3) await new Promise((resolve) => setImmediate(resolve));
  await cgroups.freeze(path);
  assert.equal(kernelValue('freezer', 'freezer.state'), 'FROZEN');
  assert.equal(cgroups.stats(path)?.pids.current, 3);
  await cgroups.kill(path);
  assert.deepEqual(cgroups.processes(path), []);
  assert.equal((await child.exit).signal, 'SIGKILL');
  assert.throws(
    () => cgroups.add(path, child.pid),
    (error) => isKind(error, 'notFound'),
  );
});

test('thaw() lets frozen processes run on', onVersion1, async () => {
  cgroups.create(path, {}, []);
  const child = await member('sleep 0.05; exit 9');
  await cgroups.freeze(path);
  await cgroups.thaw(path);
  assert.equal((await child.exit).code, 9);
});

test('oomKills() counts, and stats() measures processor and memory', onVersion1, async () => {
  cgroups.create(path, { memory: 8 * MiB }, []);
  assert.equal(cgroups.oomKills(path), 0);
  const child = await member('exec tail /dev/zero');
  assert.equal((await child.exit).signal, 'SIGKILL');
  assert.equal(cgroups.oomKills(path), 1);
  const stats = cgroups.stats(path);
  assert.ok(stats && stats.cpu.total > 0 && stats.cpu.total === stats.cpu.user + stats.cpu.system);
  assert.ok((stats.memory.peak ?? 0) > 4 * MiB && (stats.memory.failures ?? 0) > 0 && 'total_rss' in stats.memory.stat);
});

test('what is gone is empty, and remove() is idempotent', async () => {
  await cgroups.remove(path);
  assert.deepEqual(
    [cgroups.stats(path), cgroups.processes(path), cgroups.oomKills(path), cgroups.exists(path), cgroups.list(parent)],
    [undefined, [], 0, false, []],
  );
  await assert.rejects(cgroups.freeze(path), (error) => isKind(error, 'notFound'));
});

test('findHierarchies() takes v1 on a hybrid host, v2 alone, and nothing from other places', () => {
  const unified = parseMountLine('41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw');
  const both = parseMountLine('32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct');
  const stray = parseMountLine('33 31 0:30 / /tmp/test rw - cgroup cgroup rw,memory');
  assert.deepEqual(findHierarchies([unified, both, stray]), {
    version: 'v1',
    folders: new Map([
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
    ]),
  });
  assert.deepEqual(findHierarchies([unified]), { version: 'v2', folders: new Map([['', '/sys/fs/cgroup/unified']]) });
  assert.throws(
    () => findHierarchies([]),
    (error) => isKind(error, 'unavailable'),
  );
});

test('planVersion2() converts limits into the files of cgroup v2', () => {
  const plan = planVersion2(
    {
      memory: 100,
      memorySwap: 150,
      memoryReservation: 50,
      nanoCpus: 1_500_000_000,
      cpuShares: 1024,
      pidsLimit: -1,
      blkioWeight: 1000,
      blkioDeviceWriteIops: [{ path: '/dev/x', rate: 7 }],
    },
    () => '8:0',
  );
  assert.deepEqual(
    plan.map(({ file, value }) => `${file} ${value}`),
    [
      'memory.max 100',
      'memory.swap.max 50',
      'memory.low 50',
      'cpu.max 150000 100000',
      'cpu.weight 39',
      'pids.max max',
      'io.weight default 10000',
      'io.max 8:0 wiops=7',
    ],
  );
  assert.deepEqual([weightOfShares(2), weightOfShares(262144)], [1, 10000]);
});

test('planVersion1() leaves absent limits alone and lifts those that are zero or below', () => {
  assert.deepEqual(planVersion1({}, String), []);
  const lifted = planVersion1({ memory: 0, cpuQuota: -1, cpuPeriod: 0, pidsLimit: 0 }, String);
  assert.deepEqual(
    lifted.map(({ value }) => value),
    ['-1', '100000', '-1', 'max'],
  );
  const raised = planVersion1({ memory: 1, memorySwap: 2 }, String, true);
  assert.deepEqual(
    raised.map(({ field }) => field),
    ['memorySwap', 'memory'],
  );
});

test('usage files are read by device and by processor', () => {
  assert.deepEqual(processorUsage('cpu user system\n0 5 1\n1 7 2\n'), { total: 15, user: 12, system: 3, perProcessor: [6, 9] });
  const disk = { major: 8, minor: 16, readBytes: 1, writeBytes: 2, readOperations: 3, writeOperations: 4 };
  assert.deepEqual(blockIoVersion1('8:16 Read 1\n8:16 Write 2\nTotal 3\n', '8:16 Read 3\n8:16 Write 4\n'), [disk]);
  assert.deepEqual(blockIoVersion2('8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n'), [disk]);
});
