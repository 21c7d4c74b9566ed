import { readFileSync, writeFileSync } from 'node:fs';
import { describe, GantryError, KeyedQueue, type Log } from '../../base/index.ts';
import { netlink, run } from '../../host/index.ts';
import { MARK_JUDGED } from './chains.ts';
import type { Gate } from './rules.ts';

export interface GateNames {
  out: string;
  back: string;
  /** A table that is there for no time. */
  probe: string;
  /** Number of the routing table that makes the kernel's reverse path filter accept what comes back. */
  routes: number;
}

/** RFC 7600 keeps this address for nobody, and RFC 6666 that one. */
const NEXT4 = '192.0.0.8';
const NEXT6 = '100::1';
const MARK = `0x${MARK_JUDGED.toString(16)}/0x${MARK_JUDGED.toString(16)}`;
/** A datagram may have come in fragments, and is whole by now. */
const LARGEST_MTU = 65535;
/** Before those of the main table (32766) and of most programs. */
const RULES_FROM = 5200;

/** Makes the pair of devices by which packets come back that the host's own rules have let in; see docs/design/exposure.md. */
export class GateKeeper {
  readonly #socket: netlink.NetlinkSocket;
  readonly #names: GateNames;
  readonly #ipv6: boolean;
  readonly #log: Log;
  // One after the other: two that make the devices at once would take them from each other.
  readonly #queue = new KeyedQueue();
  #gate: Gate | 'none' | undefined;
  /** The gate whose routes are known to be there. */
  #routed = '';
  #told = false;
  #tried = false;

  constructor(socket: netlink.NetlinkSocket, names: GateNames, ipv6: boolean, log: Log) {
    this.#socket = socket;
    this.#names = names;
    this.#ipv6 = ipv6;
    this.#log = log;
  }

  /** Has the next `open` look at the devices, and when `thoroughly` at routes and routing rules too. */
  forget(thoroughly: boolean): void {
    this.#gate = undefined;
    if (thoroughly) this.#routed = '';
  }

  /** Undefined where it cannot be made. Costs nothing when nothing was forgotten. */
  open(): Promise<Gate | undefined> {
    return this.#queue.run('gate', async () => {
      this.#gate ??= await this.#open();
      return this.#gate === 'none' ? undefined : this.#gate;
    });
  }

  close(): Promise<void> {
    return this.#queue.run('gate', () => this.#close());
  }

  async #open(): Promise<Gate | 'none'> {
    try {
      const { out, back } = await this.#ensureDevices();
      const gate = { id: `${out.index} ${back.index}`, out: out.name, back: back.name, next4: NEXT4, next6: NEXT6 };
      if (gate.id === this.#routed) return gate;
      this.#setUp(back.name);
      await this.#route(back.macAddress);
      if (!this.#tried) await this.#tryOut(gate);
      this.#tried = true;
      this.#routed = gate.id;
      return gate;
    } catch (error) {
      if (!this.#told)
        this.#log.warn(
          "The firewall of this host cannot be asked past the daemon: it relays ports with the policy 'host' itself, and containers see its address",
          { error: describe(error) },
        );
      this.#told = true;
      return 'none';
    }
  }

  /** A kernel without nft_dup refuses the rules: found out beside our tables, which must not fail for that. */
  async #tryOut({ out, next4, next6 }: Gate): Promise<void> {
    const families = this.#ipv6 ? [`ip`, 'ip6'] : ['ip'];
    const scripts = families.map((family) => {
      const table = `${family} ${this.#names.probe}`;
      const rule = `dup to ${family === 'ip' ? next4 : next6} device "${out}"`;
      return `table ${table} {\n chain input {\n type filter hook input priority 350; policy accept;\n meta mark 0 meta mark 1 ${rule}\n }\n}\ndelete table ${table}\n`;
    });
    await run('nft', ['-f', '-'], { input: scripts.join('') });
  }

  async #close(): Promise<void> {
    this.forget(true);
    const { out, back, routes } = this.#names;
    const links = (await this.#socket.dump(netlink.listLinks())).map(netlink.readLink);
    if (!links.some(({ name }) => name === out)) return;
    await this.#socket.require([netlink.deleteLink(out)], () => `Removing ${out}`);
    for (const family of this.#families()) {
      await run('ip', [family, 'rule', 'del', 'lookup', String(routes)], { allowFailure: true });
      await run('ip', [family, 'rule', 'del', 'iif', back, 'lookup', 'main'], { allowFailure: true });
    }
  }

  #families = () => (this.#ipv6 ? ['-4', '-6'] : ['-4']);

  async #ensureDevices() {
    const { out, back } = this.#names;
    const find = async () => {
      const links = (await this.#socket.dump(netlink.listLinks())).map(netlink.readLink);
      const named = (wanted: string) => links.find(({ name, up }) => name === wanted && up);
      return { out: named(out), back: named(back) };
    };
    const present = await find();
    if (present.out && present.back) return { out: present.out, back: present.back };
    await run('ip', ['link', 'del', out], { allowFailure: true });
    const words = 'alias gantry_asks_the_firewall_of_the_host up';
    await run('ip', ['-batch', '-'], {
      input: `link add ${out} mtu ${LARGEST_MTU} type veth peer name ${back} mtu ${LARGEST_MTU}\nlink set ${out} ${words}\nlink set ${back} ${words}\n`,
    });
    this.#log.info(
      `Made the devices ${out} and ${back}: packets for ports with the policy 'host' come through them once the firewall of the host lets them in`,
    );
    const made = await find();
    if (!made.out || !made.back) throw new GantryError('internal', `The devices ${out} and ${back} vanished while they were being made`);
    return { out: made.out, back: made.back };
  }

  /** Sources of what comes back are on other devices. */
  #setUp(back: string): void {
    for (const [key, value] of [
      [`net/ipv4/conf/${back}/rp_filter`, '0'],
      [`net/ipv4/conf/${back}/src_valid_mark`, '1'],
    ] as const)
      if (readFileSync(`/proc/sys/${key}`, 'utf8').trim() !== value) writeFileSync(`/proc/sys/${key}`, value);
  }

  /**
   * Packets go out by hand, past any look-up of neighbours. What comes back finds its way as ever; but by the table `routes` the way back to
   * its sender leads into the gate, or a strict reverse path filter (rp_filter=1, firewalld's IPv6_rpfilter) would drop it.
   */
  async #route(macAddress: string): Promise<void> {
    const { out, back, routes } = this.#names;
    for (const family of this.#families()) {
      const [next, length] = family === '-4' ? [NEXT4, 32] : [NEXT6, 128];
      await this.#batch(family, [
        `neigh replace ${next} lladdr ${macAddress} dev ${out} nud permanent`,
        `route replace ${next}/${length} dev ${out} metric ${routes}`,
        `route replace default dev ${back} table ${routes}`,
      ]);
      const rules = await run('ip', [family, 'rule', 'show'], {});
      if (!rules.stdout.includes(`iif ${back} `))
        await this.#batch(family, [`rule add pref ${RULES_FROM} fwmark ${MARK} iif ${back} lookup main`]);
      if (!rules.stdout.includes(`lookup ${routes}`))
        await this.#batch(family, [`rule add pref ${RULES_FROM + 1} fwmark ${MARK} lookup ${routes}`]);
    }
  }

  async #batch(family: string, lines: readonly string[]): Promise<void> {
    await run('ip', [family, '-batch', '-'], { input: lines.map((line) => `${line}\n`).join('') });
  }
}
