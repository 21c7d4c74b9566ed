import { type Clock, describe, type Log } from '../../base/index.ts';
import { netlink } from '../../host/index.ts';

/** A look costs two microseconds, so a flush is seen soon without a process that watches. */
const LOOK_MILLISECONDS = 300;
/** Looks between two at what the kernel does not tell, or too often: five seconds. */
const LOOKS_TO_OTHERS = 17;

export interface WatchedRules {
  readonly table: string;
  /** Whether they depend on devices and addresses of the host. */
  readonly heedsHost: boolean;
  /** Goes by the devices and addresses that the host has by now. */
  followHost(): Promise<void>;
  /** Whether elements were removed by ourselves since the last call. */
  takeOwnRemovals(): boolean;
  /** Looks whether the rules are as they should be, and puts them back. */
  verify(): Promise<unknown>;
  /** Lets our bridges pass where the old back end of iptables drops them. */
  acceptInLegacyTables(): Promise<void>;
  /** The same in the chains of all others. */
  acceptElsewhere(): Promise<void>;
}

/** Has the rules verified whenever someone else removed some of ours or added a chain, until the signal aborts. */
export function watchRules(rules: WatchedRules, signal: AbortSignal, clock: Clock, log: Log): void {
  const events = new netlink.RulesetEvents();
  const routes = new netlink.RouteEvents();
  let cancel: () => void;
  let looks = 0;
  // Other engines add rules with each container of theirs: looked at together.
  let othersChanged = false;
  const lookAtOthers = async () => {
    await (othersChanged ? rules.acceptElsewhere() : rules.acceptInLegacyTables());
    othersChanged = false;
  };
  const look = async () => {
    looks += 1;
    if (looks % LOOKS_TO_OTHERS === 0) await lookAtOthers();
    const own = rules.takeOwnRemovals();
    const changes = events.poll();
    if (changes !== 'lost' && changes.some(({ what, table }) => what === 'rule added' && table !== rules.table)) othersChanged = true;
    const moved = routes.poll();
    if (changes === 'lost' || changes.some((change) => matters(change, rules.table, own))) await rules.verify();
    else if (rules.heedsHost && (moved.devices || moved.routes)) await rules.followHost();
  };
  const again = () => {
    cancel = clock.later(LOOK_MILLISECONDS, () => {
      void look()
        .catch((error) => log.error('Could not check the firewall rules', { error: describe(error) }))
        .then(() => {
          if (!signal.aborted) again();
        });
    });
  };
  again();
  signal.addEventListener(
    'abort',
    () => {
      cancel();
      events[Symbol.dispose]();
      routes[Symbol.dispose]();
    },
    { once: true },
  );
}

/** A chain that someone adds may drop our traffic; removals matter in our own table only. */
function matters({ what, table }: netlink.RulesetChange, own: string, ownRemovals: boolean): boolean {
  if (what === 'rule added') return false;
  if (what === 'chain added') return table !== own;
  return table === own && !(what === 'element removed' && ownRemovals);
}
