import { isIPv6 } from 'node:net';
import { type ContainerSpec, type Exposure, exposureFor, joinPortRanges, type PortRequest, type PublishedPort } from '../../model/index.ts';
import type { Forwarding } from '../firewall/index.ts';

/** The addresses of a container that ports lead to, by family; absent where it has none. */
export interface Targets {
  four?: string;
  six?: string;
}

type Wishes = Pick<ContainerSpec, 'ports' | 'exposedPorts' | 'publishAll' | 'exposures'>;

/** Every port that a container wants published: those it named, and with publish-all the exposed ones that it did not. */
export function requestedPorts(spec: Wishes, usual: Exposure): PortRequest[] {
  const named = spec.ports.map((port) => ({ ...port, exposure: port.exposure ?? usual }));
  return spec.publishAll ? [...named, ...exposedButNotNamed(spec, usual)] : named;
}

function exposedButNotNamed({ ports, exposedPorts, exposures }: Wishes, usual: Exposure): PortRequest[] {
  const isNamed = (port: number, protocol: string) =>
    ports.some((one) => one.protocol === protocol && port >= one.containerPort && port < one.containerPort + (one.count ?? 1));
  return joinPortRanges(
    exposedPorts
      .filter(({ port, protocol }) => !isNamed(port, protocol))
      .map(({ port, protocol }) => ({
        containerPort: port,
        protocol,
        hostAddress: '',
        exposure: exposureFor(exposures, port, protocol) ?? usual,
      })),
  );
}

/** The address of the container for traffic to an address of the host: that of the same family, or the other one with the daemon's help. */
export function targetFor({ four, six }: Targets, hostAddress: string): string {
  return (isIPv6(hostAddress) ? (six ?? four) : (four ?? six)) ?? '';
}

/** The kernel's part of published ports: those where the container has an address of the same family. The others are the relay's. */
export function forwardingsOf(targets: Targets, ports: readonly PublishedPort[]): Forwarding[] {
  return ports.flatMap((port) => {
    const containerAddress = targetFor(targets, port.hostAddress);
    if (isIPv6(containerAddress) !== isIPv6(port.hostAddress)) return [];
    const { count = 1, ...first } = port;
    // The kernel keeps the number of a port or sets one; it cannot add to it. So only ranges that keep theirs are one entry.
    if (count === 1 || first.hostPort === first.containerPort) return [{ ...port, containerAddress }];
    return Array.from({ length: count }, (_, at) => ({
      ...first,
      hostPort: first.hostPort + at,
      containerPort: first.containerPort + at,
      containerAddress,
    }));
  });
}

/** For messages. */
export function showPort({ hostAddress, hostPort, count = 1, protocol }: PublishedPort): string {
  const ports = count === 1 ? hostPort : `${hostPort}-${hostPort + count - 1}`;
  return `${isIPv6(hostAddress) ? `[${hostAddress}]` : hostAddress}:${ports}/${protocol}`;
}
