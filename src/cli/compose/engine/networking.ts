import type { Project } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { type ContainerOf, networkModeOf, only } from './host-config.ts';

export interface Naming {
  /** The name that the container has in the end. */
  readonly name: string;
  readonly service: string;
  readonly containersOf: (service: string) => readonly string[];
  readonly containerOf: ContainerOf;
}

/** Networks of a service, that of the default route first: by priority, then by name. */
function attachments(service: Section, project: Project) {
  return service
    .entries('networks')
    .map(([key, wish]) => ({ name: project.networks.get(key)?.name ?? key, wish: new Section(wish) }))
    .sort((a, b) => (b.wish.number('priority') ?? 0) - (a.wish.number('priority') ?? 0) || (a.name < b.name ? -1 : 1));
}

/** `service[:alias]` for each container of the other service, and links to containers of others as they stand. */
function links(service: Section, naming: Naming): string[] {
  const own = service.texts('links').flatMap((link) => {
    const [other = '', alias = other] = link.split(':');
    return naming.containersOf(other).flatMap((name) => [...new Set([alias, other, name])].map((one) => `${name}:${one}`));
  });
  const external = service.texts('external_links').map((link) => (link.includes(':') ? link : `${link}:${link}`));
  return [...own, ...external];
}

/** NetworkMode, and the endpoints of all networks that a service joins. */
export function networking(service: Section, project: Project, naming: Naming): { mode: string; endpoints: Record<string, unknown> } {
  const mode = networkModeOf(service, naming.containerOf);
  if (mode !== undefined) return { mode, endpoints: {} };
  const joined = attachments(service, project);
  const linked = links(service, naming);
  const endpoints = joined.map(({ name, wish }) => [
    name,
    only({
      Aliases: [...new Set([naming.name, naming.service, ...wish.texts('aliases')])],
      Links: linked,
      IPAMConfig: only({
        IPv4Address: wish.text('ipv4_address'),
        IPv6Address: wish.text('ipv6_address'),
        LinkLocalIPs: wish.texts('link_local_ips'),
      }),
      MacAddress: wish.text('mac_address') ?? service.text('mac_address'),
      DriverOpts: {
        ...wish.pairs('driver_opts'),
        ...(wish.has('interface_name') ? { 'com.docker.network.endpoint.ifname': wish.text('interface_name') } : {}),
      },
      GwPriority: wish.number('gw_priority'),
    }),
  ]);
  return { mode: joined[0]?.name ?? 'none', endpoints: Object.fromEntries(endpoints) };
}
