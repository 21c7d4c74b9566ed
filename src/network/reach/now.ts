import { legacyTables } from '../firewall/foreign.ts';
import type { Records } from '../records.ts';
import { BridgeSegment } from '../segments/bridge.ts';
import type { UserNetworks } from '../user-networks.ts';
import { reachOfAll } from './reach.ts';
import { readHostRules } from './read-host.ts';
import type { NetworkFacts, PortReach, ReachSubject } from './words.ts';

/** Who reaches which port at this moment. Not loaded before somebody asks. */
export async function reachNow(subjects: readonly ReachSubject[], records: Records, users: UserNetworks): Promise<PortReach[]> {
  const inUse = ([4, 6] as const).filter((family) => legacyTables(family).includes('filter'));
  const tables = await readHostRules(inUse);
  const networks = new Map<string, NetworkFacts>([
    [records.bridge.id, { name: 'bridge', bridge: records.bridge.options['com.docker.network.bridge.name'] ?? '', talk: true, open: 'no' }],
  ]);
  for (const segment of users.segments()) networks.set(segment.record.id, factsOf(segment));
  return reachOfAll(subjects, { tables, networks });
}

function factsOf(segment: ReturnType<UserNetworks['segments']>[number]): NetworkFacts {
  const { name } = segment.record;
  if (!(segment instanceof BridgeSegment)) return { name, bridge: '', talk: true, open: 'wire' };
  const { talk, gatewayMode4, gatewayMode6 } = segment.settings;
  const modes = [gatewayMode4, gatewayMode6];
  const open = modes.includes('nat-unprotected') ? 'unprotected' : modes.includes('routed') ? 'routed' : 'no';
  return { name, bridge: segment.bridge, talk, open };
}
