import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GantryError } from '../../../base/index.ts';
import { decodeExec } from '../routes/execs.ts';
import { FAKE_HOST } from '../testing/fake-engine.ts';
import { decodeCreate } from './create.ts';
import { decodeUpdate } from './update.ts';

const CONFIG =
  'Hostname Domainname User AttachStdin Tty OpenStdin Env Cmd Entrypoint Image Labels Volumes WorkingDir ExposedPorts StopSignal StopTimeout Healthcheck Shell OnBuild MacAddress NetworkDisabled HostConfig NetworkingConfig Privileged DetachKeys ConsoleSize';
const HOST_CONFIG =
  'Binds Mounts Tmpfs VolumesFrom VolumeDriver LogConfig NetworkMode PortBindings RestartPolicy AutoRemove CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt UTSMode UsernsMode ShmSize Sysctls Runtime Isolation CpuShares Memory NanoCpus CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps CpuPeriod CpuQuota CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits Init MaskedPaths ReadonlyPaths Annotations';
const ODD: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  'a:b:c:d',
  '../..',
  '/',
  '\0',
  [],
  [null],
  [1],
  ['x'],
  ['', 'a=b'],
  [[]],
  [{}],
  {},
  { x: null },
  { x: 1 },
  { x: 'y' },
  { x: {} },
  { x: [] },
  { Name: 5 },
  { Type: 'bind' },
  [{ Type: 'bind', Target: 5 }],
  [{ Type: 'tmpfs', Target: '/x', TmpfsOptions: { Options: [[]] } }],
  { '80/tcp': [null] },
  { '80/tcp': ['x'] },
  { '80/tcp': [{ HostIp: 5 }] },
  { '80/tcp': {} },
  { EndpointsConfig: { bridge: { IPAMConfig: [] } } },
  { EndpointsConfig: { __proto__x: {} } },
  { Test: [5] },
  { Test: 'x' },
  { __proto__: 5 },
];

/** Nothing a client can send may fail otherwise than with a sentence for the client. */
function tryDecode(what: string, decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof GantryError && error.message.length > 5, `${what}: ${String(error)}`);
  }
}

test('decoders answer odd values in any field with a result or a sentence', () => {
  const context = { name: undefined, platform: undefined, minor: 51, host: FAKE_HOST };
  for (const value of ODD) {
    for (const field of CONFIG.split(' ')) {
      tryDecode(`${field}=${JSON.stringify(value)}`, () => decodeCreate({ Image: 'i', [field]: value }, context));
      tryDecode(`exec ${field}=${JSON.stringify(value)}`, () => decodeExec({ Cmd: ['x'], [field]: value }));
    }
    for (const field of HOST_CONFIG.split(' ')) {
      tryDecode(`HostConfig.${field}=${JSON.stringify(value)}`, () =>
        decodeCreate({ Image: 'i', HostConfig: { [field]: value } }, context),
      );
      tryDecode(`update ${field}=${JSON.stringify(value)}`, () => decodeUpdate({ [field]: value }, 2));
    }
  }
});
