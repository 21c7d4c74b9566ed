import { conflict, isKind } from '../../base/index.ts';
import type { ContainerRecord } from '../../model/index.ts';
import type { HostEntry } from '../../network/index.ts';
import type { ContainerTable } from './table.ts';

interface Link {
  alias: string;
  other: ContainerRecord;
  address: string;
}

/**
 * Legacy links of the default bridge, `container:alias` each. Throws `conflict` when the other container has no address. On networks that people
 * make, a link is a name that the resolver knows: the other container may come later.
 */
function linksOf(table: Pick<ContainerTable, 'get'>, record: ContainerRecord): Link[] {
  if (record.spec.networkMode.kind === 'network') return [];
  return record.spec.links.map((link) => {
    const [reference = '', given] = link.split(':');
    const other = table.get(reference);
    const alias = given ?? other.name;
    const address = other.state.endpoints[0]?.ipv4Address;
    if (!address) throw conflict(`Cannot link to a non running container: ${reference} AS ${alias}`);
    return { alias, other, address };
  });
}

/** The lines that links add to /etc/hosts. */
export function linkEntries(table: Pick<ContainerTable, 'get'>, record: ContainerRecord): HostEntry[] {
  return linksOf(table, record).map(({ alias, other, address }) => ({
    address,
    names: [...new Set([alias, other.spec.hostname, other.name])].filter((name) => name !== ''),
  }));
}

/** The variables that tell a container of its links, as Docker names them: `DB_NAME`, `DB_PORT_80_TCP_ADDR`, `DB_ENV_…`. */
export function linkEnvironment(table: Pick<ContainerTable, 'get'>, record: ContainerRecord): string[] {
  return linksOf(table, record).flatMap((link) => {
    const prefix = link.alias.toUpperCase().replaceAll('-', '_');
    const ports = [...link.other.spec.exposedPorts].sort((a, b) => rank(a.protocol) - rank(b.protocol) || a.port - b.port);
    const first = ports[0];
    return [
      `${prefix}_NAME=/${record.name}/${link.alias}`,
      ...(first ? [`${prefix}_PORT=${first.protocol}://${link.address}:${first.port}`] : []),
      ...ports.flatMap(({ port, protocol }) => {
        const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
        return [
          `${name}=${protocol}://${link.address}:${port}`,
          `${name}_ADDR=${link.address}`,
          `${name}_PORT=${port}`,
          `${name}_PROTO=${protocol}`,
        ];
      }),
      ...link.other.spec.environment.filter((entry) => !/^(HOME|PATH|HOSTNAME|TERM)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
    ];
  });
}

/** The same for what is started later in a running container: links whose other end is gone by then are left out. */
export function presentLinkEnvironment(table: Pick<ContainerTable, 'get'>, record: ContainerRecord): string[] {
  return record.spec.links.flatMap((link) => {
    try {
      return linkEnvironment(table, { ...record, spec: { ...record.spec, links: [link] } });
    } catch (error) {
      if (isKind(error, 'conflict') || isKind(error, 'notFound')) return [];
      throw error;
    }
  });
}

const rank = (protocol: string) => (protocol === 'tcp' ? 0 : 1);
