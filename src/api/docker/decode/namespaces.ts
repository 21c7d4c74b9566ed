import { invalid, unsupported } from '../../../base/index.ts';
import type { NamespaceMode, NetworkMode } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

/** `bridge`, `default` and nothing mean the default bridge. */
export function decodeNetworkMode(host: Fields): NetworkMode {
  const text = host.string('NetworkMode');
  if (text === '' || text === 'default' || text === 'bridge') return { kind: 'bridge' };
  if (text === 'host' || text === 'none') return { kind: text };
  if (text.startsWith('container:')) return { kind: 'container', id: containerOf(text, 'invalid container format') };
  return { kind: 'network', name: text };
}

export function decodeIpcMode(host: Fields): NamespaceMode {
  const text = host.string('IpcMode');
  if (text === '') return { kind: 'private' };
  if (text === 'private' || text === 'shareable' || text === 'host' || text === 'none') return { kind: text };
  if (text.startsWith('container:')) return { kind: 'container', id: containerOf(text, 'invalid IPC mode') };
  throw invalid(`invalid IPC mode: ${text}`);
}

export function decodePidMode(host: Fields): NamespaceMode {
  const text = host.string('PidMode');
  if (text === '' || text === 'private') return { kind: 'private' };
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith('container:')) return { kind: 'container', id: containerOf(text, 'invalid PID mode') };
  throw invalid(`invalid PID mode: ${text}`);
}

export function decodeUtsMode(host: Fields): NamespaceMode {
  const text = host.string('UTSMode');
  if (text === '' || text === 'private') return { kind: 'private' };
  if (text === 'host') return { kind: 'host' };
  throw invalid(`invalid UTS mode: ${text}`);
}

/** Unset means what Docker's default for the host is: private on cgroup v2, host on v1, for privileged containers and for old clients. */
export function decodeCgroupNamespaceMode(host: Fields, cgroupVersion: 'v1' | 'v2', minor: number): NamespaceMode {
  const text = host.string('CgroupnsMode');
  if (text === 'private' || text === 'host') return { kind: text };
  if (text !== '') throw invalid(`invalid cgroup namespace mode: ${text}`);
  return { kind: cgroupVersion === 'v2' && minor >= 41 && !host.boolean('Privileged') ? 'private' : 'host' };
}

/** Modes that only Docker's other settings or other systems know. */
export function refuseForeignModes(host: Fields): void {
  const userns = host.string('UsernsMode');
  if (userns !== '' && userns !== 'host')
    throw unsupported(`HostConfig.UsernsMode '${userns}' is not supported: user namespaces are not remapped here`);
  const isolation = host.string('Isolation');
  if (isolation !== '' && isolation !== 'default')
    throw invalid(`invalid isolation: "${isolation}" is not supported on Linux, only 'default' is`);
  const cgroup = host.string('Cgroup');
  if (cgroup !== '') throw unsupported(`HostConfig.Cgroup '${cgroup}' is not supported: use CgroupParent`);
}

function containerOf(text: string, complaint: string): string {
  const reference = text.slice('container:'.length);
  if (reference === '') throw invalid(`${complaint}: ${text} names no container`);
  return reference;
}

/** A path below the root of each cgroup hierarchy; it becomes folders there. */
export function decodeCgroupParent(host: Fields): string {
  const parent = host.string('CgroupParent');
  if (/\p{Cc}/u.test(parent) || parent.split('/').some((part) => part === '..' || part.length > 255))
    throw invalid(`HostConfig.CgroupParent ${JSON.stringify(parent.slice(0, 200))} is not a path of a cgroup`);
  return parent;
}
