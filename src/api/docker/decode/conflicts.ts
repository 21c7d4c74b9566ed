import { invalid } from '../../../base/index.ts';
import type { CreateContainer } from '../../../engine/index.ts';

/** Options that exclude each other. Docker's words, since clients show and tests match them. */
export function checkConflicts(spec: CreateContainer['spec']): void {
  const { networkMode } = spec;
  const hostNetwork = networkMode.kind === 'host';
  const joined = networkMode.kind === 'container';
  const rules: [boolean, string][] = [
    [
      joined && spec.links.length > 0,
      "conflicting options: container type network can't be used with links. This would result in undefined behavior",
    ],
    [
      hostNetwork && spec.links.length > 0,
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    ],
    [joined && spec.hostname !== '', 'conflicting options: hostname and the network mode'],
    [joined && spec.dnsServers.length > 0, 'conflicting options: dns and the network mode'],
    [joined && spec.extraHosts.length > 0, 'conflicting options: custom host-to-IP mapping and the network mode'],
    [joined && (spec.ports.length > 0 || spec.publishAll), 'conflicting options: port publishing and the container type network mode'],
    [joined && spec.exposedPorts.length > 0, 'conflicting options: port exposing and the container type network mode'],
    [
      (joined || hostNetwork) && Object.values(spec.endpoints).some((e) => e.macAddress !== undefined),
      'conflicting options: mac-address and the network mode',
    ],
    [spec.utsMode.kind === 'host' && spec.hostname !== '', 'conflicting options: hostname and the UTS mode'],
    [spec.autoRemove && spec.restart.name !== 'no', "can't create 'AutoRemove' container with restart policy"],
  ];
  for (const [broken, sentence] of rules) if (broken) throw invalid(sentence);
}
