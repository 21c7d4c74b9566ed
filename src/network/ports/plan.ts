import { isIPv4 } from 'node:net';
import type { ContainerSpec, PortRequest, PublishedPort } from '../../model/index.ts';
import type { Forwarding } from '../firewall/index.ts';

/** Every port that a container wants published: those it named, and with publish-all the exposed ones that it did not. */
export function requestedPorts(spec: Pick<ContainerSpec, 'ports' | 'exposedPorts' | 'publishAll'>): PortRequest[] {
  if (!spec.publishAll) return [...spec.ports];
  const named = new Set(spec.ports.map((port) => `${port.containerPort}/${port.protocol}`));
  const rest = spec.exposedPorts.filter((port) => !named.has(`${port.port}/${port.protocol}`));
  return [...spec.ports, ...rest.map(({ port, protocol }) => ({ containerPort: port, protocol, hostAddress: '' }))];
}

/** The kernel's part of published ports: those of IPv6 are the relay's. */
export function forwardingsOf(containerAddress: string, ports: readonly PublishedPort[]): Forwarding[] {
  if (!isIPv4(containerAddress)) return [];
  return ports
    .filter((port) => isIPv4(port.hostAddress))
    .map(({ protocol, hostAddress, hostPort, containerPort }) => ({ protocol, hostAddress, hostPort, containerAddress, containerPort }));
}

/** For messages. */
export function showPort(port: PublishedPort): string {
  return `${port.hostAddress}:${port.hostPort}/${port.protocol}`;
}
