import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { EngineClient, type InspectedContainer } from '../support/engine-client.ts';
import { eventually, type TestDaemon } from '../support/index.ts';
import { SHARED_VOLUME } from './workers.ts';

/** Namespaces that the daemon may keep prepared for containers to come. */
const MOST_PREPARED = 24;

/**
 * Holds what the machine has against what the daemon says exists: mounts, monitors, cgroups, namespaces, directories and
 * published ports must be exactly those of its containers. Tidying goes on after the ready line, so it may take a moment.
 */
export async function assertReality(daemon: TestDaemon): Promise<InspectedContainer[]> {
  let difference: unknown;
  try {
    return await eventually('the machine to hold exactly what the daemon says exists', async () => {
      const containers = await inspectAll(daemon);
      try {
        await compare(daemon, containers);
        return containers;
      } catch (error) {
        if (!(error instanceof assert.AssertionError)) throw error;
        difference = error;
        return undefined;
      }
    });
  } catch (error) {
    throw difference ?? error;
  }
}

export async function inspectAll(daemon: TestDaemon): Promise<InspectedContainer[]> {
  const client = new EngineClient(daemon.socket);
  const listed = await client.json<{ Id: string }[]>('GET', '/containers/json?all=1');
  return await Promise.all(listed.map(({ Id }) => client.json<InspectedContainer>('GET', `/containers/${Id}/json`)));
}

async function compare(daemon: TestDaemon, containers: readonly InspectedContainer[]): Promise<void> {
  const all = containers.map((c) => c.Id).sort();
  const alive = containers
    .filter((c) => c.State.Running && c.State.Status !== 'restarting')
    .map((c) => c.Id)
    .sort();
  const found = await daemon.footprint();
  for (const container of containers) {
    if (alive.includes(container.Id))
      assert.ok(existsSync(`/proc/${container.State.Pid}`), `${container.Id} is said to run as ${container.State.Pid}`);
  }
  assert.deepEqual(idsIn(found.mounts.filter((m) => m.endsWith('/merged'))), alive, 'mounted roots');
  assert.deepEqual(idsIn(found.processes.filter((p) => /conmon .*--?(cid|c) /.test(p) && !p.includes('--exec'))), alive, 'monitors');
  assert.deepEqual(
    found.processes.filter((p) => !p.includes('conmon ') && !p.includes('docker-registry')),
    [],
    'other processes',
  );
  assert.deepEqual(unique(idsIn(found.cgroups)), alive, 'cgroups');
  assert.deepEqual(idsIn(entries(daemon, 'data/containers')), all, 'directories of containers');
  assert.deepEqual(idsIn(entries(daemon, 'run/containers')), alive, 'run directories');
  const sharing = containers.filter((c) => alive.includes(c.Id) && c.Mounts.some(({ Name }) => Name === SHARED_VOLUME));
  assert.equal(found.mounts.filter((m) => m.includes('/volumes/')).length, sharing.length > 0 ? 1 : 0, 'mounted volumes');
  assert.deepEqual(publishedIn(found.firewall), publishedBy(containers), 'published ports in the firewall');
  const namespaces = found.mounts.filter((m) => m.includes('/netns/'));
  assert.ok(namespaces.length <= alive.length + MOST_PREPARED, `${namespaces.length} network namespaces for ${alive.length} containers`);
  const links = found.links.filter((name) => !['lo', 'eth0'].includes(name) && !/^(gantry|br-|gask-|gback-)/.test(name));
  const joined = containers.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks ?? {})).length;
  assert.ok(links.length <= joined + MOST_PREPARED, `${links.length} links for ${joined} endpoints: ${links.join(' ')}`);
}

/** Host ports of the firewall's map elements (`tcp . 8081 : 172.17.0.2 . 80`, `tcp . 9000-9039 : 172.17.0.2`), and those with a policy (`… : goto by_host`). */
function publishedIn(firewall: readonly string[]): { ports: string[]; policies: string[] } {
  const elements = [...firewall.join(' ').matchAll(/(?:tcp|udp) \. (?:[\d.]+ \. )?(\d+)(?:-(\d+))? : (goto (\w+)|\d)/g)];
  const spans = elements.map(([, from = '', to = from, , policy]) => ({
    policy,
    ports: Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => String(Number(from) + at)),
  }));
  return {
    ports: spans.flatMap(({ policy, ports }) => (policy === undefined ? ports : [])).sort(),
    policies: spans.flatMap(({ policy, ports }) => (policy === undefined ? [] : ports.map((port) => `${port} ${policy}`))).sort(),
  };
}

const POLICIES: Readonly<Record<string, string>> = { lan: 'from_lan', host: 'by_host' };

function publishedBy(containers: readonly InspectedContainer[]): ReturnType<typeof publishedIn> {
  const bindings = containers.flatMap(({ NetworkSettings, Config }) => {
    const policy = POLICIES[Config.Labels?.['gantry.expose'] ?? ''];
    const all = Object.values(NetworkSettings.Ports ?? {}).flatMap((list) => list ?? []);
    return all.filter(({ HostIp }) => !HostIp.includes(':')).map(({ HostPort }) => ({ port: HostPort, policy }));
  });
  return {
    ports: [...new Set(bindings.map(({ port }) => port))].sort(),
    policies: bindings.flatMap(({ port, policy }) => (policy ? [`${port} ${policy}`] : [])).sort(),
  };
}

function idsIn(texts: readonly string[]): string[] {
  return texts.flatMap((text) => /[0-9a-f]{64}/.exec(text)?.[0] ?? []).sort();
}

const unique = (items: readonly string[]) => [...new Set(items)];

function entries(daemon: TestDaemon, folder: string): string[] {
  const full = path.join(daemon.root, folder);
  return existsSync(full) ? readdirSync(full) : [];
}

/** The daemon's own words about what went wrong, without the noise of a start. */
export function complaints(daemon: TestDaemon): string[] {
  return readFileSync(path.join(daemon.root, 'daemon.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('level=error'));
}
