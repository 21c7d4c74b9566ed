import type { ResourceUsage } from '../../model/index.ts';

/** cpuacct.usage_all: a line of titles, then `cpu user system` in nanoseconds. */
export function processorUsage(text: string): { total: number; user: number; system: number; perProcessor: number[] } {
  const usage = { total: 0, user: 0, system: 0, perProcessor: [] as number[] };
  for (const line of text.split('\n').slice(1)) {
    if (line === '') continue;
    const [, user = 0, system = 0] = line.split(' ').map(Number);
    usage.user += user;
    usage.system += system;
    usage.perProcessor.push(user + system);
  }
  usage.total = usage.user + usage.system;
  return usage;
}

type BlockIo = ResourceUsage['blockIo'];

function deviceOf(devices: Map<string, BlockIo[number]>, number: string): BlockIo[number] {
  let device = devices.get(number);
  if (!device) {
    const [major = 0, minor = 0] = number.split(':').map(Number);
    device = { major, minor, readBytes: 0, writeBytes: 0, readOperations: 0, writeOperations: 0 };
    devices.set(number, device);
  }
  return device;
}

/** Two files of lines such as `8:0 Read 4096`. */
export function blockIoVersion1(bytes: string, operations: string): BlockIo {
  const devices = new Map<string, BlockIo[number]>();
  const collect = (text: string, read: 'readBytes' | 'readOperations', write: 'writeBytes' | 'writeOperations') => {
    for (const line of text.split('\n')) {
      const [number = '', kind, value] = line.split(' ');
      if (kind === 'Read') deviceOf(devices, number)[read] = Number(value);
      if (kind === 'Write') deviceOf(devices, number)[write] = Number(value);
    }
  };
  collect(bytes, 'readBytes', 'writeBytes');
  collect(operations, 'readOperations', 'writeOperations');
  return [...devices.values()];
}

/** io.stat: lines such as `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
export function blockIoVersion2(text: string): BlockIo {
  const devices = new Map<string, BlockIo[number]>();
  for (const line of text.split('\n')) {
    const [number = '', ...pairs] = line.split(' ');
    if (!number.includes(':')) continue;
    const values = new Map(pairs.map((pair) => pair.split('=', 2) as [string, string]));
    const device = deviceOf(devices, number);
    device.readBytes = Number(values.get('rbytes') ?? 0);
    device.writeBytes = Number(values.get('wbytes') ?? 0);
    device.readOperations = Number(values.get('rios') ?? 0);
    device.writeOperations = Number(values.get('wios') ?? 0);
  }
  return [...devices.values()];
}
