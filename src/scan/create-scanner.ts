import { type Clock, GantryError, type Ids, Limiter, type Log } from '../base/index.ts';
import type { Images } from '../images/index.ts';
import type { Store } from '../store/index.ts';
import { folderStamp } from './advisories/folder.ts';
import { cycloneDx } from './bom/cyclonedx.ts';
import { spdx } from './bom/spdx.ts';
import { countFindings, markIgnored, refusedBy } from './policy.ts';
import type { Finding, Inventory, Scanner, ScanPolicy, ScanReport, Severity } from './scan.ts';
import { type MatchResult, runScanJob } from './thread.ts';

const KIND = 'inventory';
/** Grows when inventories come to hold more: older ones are then taken anew. */
const FORM = 2;
/** Findings named in a refusal. */
const NAMED = 5;

export interface ScannerOptions {
  images: Images;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  policy: ScanPolicy;
  /** Of this build, for bills of materials. */
  version: string;
  /** Where the operator puts advisory data. */
  advisories: string;
}

export function createScanner(options: ScannerOptions): Scanner {
  return new ImageScanner(options);
}

class ImageScanner implements Scanner {
  readonly #options: ScannerOptions;
  readonly #underWay = new Map<string, Promise<Inventory>>();
  /** Findings of an image, good as long as the folder stays as it was. */
  readonly #matches = new Map<string, { stamp: string; result: MatchResult }>();
  /** Each takes a processor, and may take much memory. */
  readonly #jobs = new Limiter(2);

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  get policy(): ScanPolicy {
    return this.#options.policy;
  }

  async inventory(imageId: string, signal?: AbortSignal): Promise<Inventory> {
    const image = this.#options.images.get(imageId);
    return await this.#keep(await this.#inventoryOf(image.id, image.layers, signal));
  }

  async report(imageId: string, signal?: AbortSignal): Promise<ScanReport> {
    return await this.#reportOn(await this.inventory(imageId, signal), signal);
  }

  async bill(
    imageId: string,
    { format, name, signal }: { format: 'cyclonedx' | 'spdx'; name: string; signal?: AbortSignal },
  ): Promise<object> {
    const inventory = await this.inventory(imageId, signal);
    const serial = this.#options.ids.next().replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
    const about = { name, serial, timestamp: new Date(this.#options.clock.now()).toISOString(), version: this.#options.version };
    return (format === 'spdx' ? spdx : cycloneDx)(inventory, about);
  }

  async admitRun(imageId: string, name: string): Promise<void> {
    const { run } = this.policy;
    if (run === undefined) return;
    this.#enforce({ verb: 'run', threshold: run, name }, await this.report(imageId));
  }

  async admitPull({ id, layers, name }: { id: string; layers: readonly string[]; name: string }, signal: AbortSignal): Promise<void> {
    const { pull } = this.policy;
    if (pull === undefined) return;
    const inventory = await this.#inventoryOf(id, layers, signal);
    this.#enforce({ verb: 'pull', threshold: pull, name }, await this.#reportOn(inventory, signal));
    await this.#keep(inventory);
  }

  /** The kept one, or a new one that is not kept. */
  async #inventoryOf(imageId: string, layers: readonly string[], signal?: AbortSignal): Promise<Inventory> {
    const kept = await this.#options.store.get<{ form: number; inventory: Inventory }>(KIND, imageId);
    if (kept?.value.form === FORM) return kept.value.inventory;
    // Somebody else's may end because they went away: then it is our turn.
    const joined = await this.#underWay.get(imageId)?.catch(() => undefined);
    if (joined) return joined;
    signal?.throwIfAborted();
    const taken = this.#jobs.run(() => this.#take(imageId, layers, signal)).finally(() => this.#underWay.delete(imageId));
    this.#underWay.set(imageId, taken);
    return await taken;
  }

  async #take(imageId: string, layers: readonly string[], signal?: AbortSignal): Promise<Inventory> {
    const { images, ids } = this.#options;
    signal?.throwIfAborted();
    const id = ids.next();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => images.layers.remove(id));
    const root = await images.assembly.mountLayers(id, layers);
    return await runScanJob({ kind: 'inventory', root, imageId }, signal);
  }

  /** Keeps an inventory as long as its image is here. */
  async #keep(inventory: Inventory): Promise<Inventory> {
    const { images, store } = this.#options;
    if (await store.get(KIND, inventory.imageId)) return inventory;
    const there = new Set(images.list().map(({ id }) => id));
    for (const { id } of (await store.list(KIND)).rows) if (!there.has(id)) await store.delete(KIND, id);
    for (const id of this.#matches.keys()) if (!there.has(id)) this.#matches.delete(id);
    await store.update(KIND, inventory.imageId, { form: FORM, inventory });
    return inventory;
  }

  async #reportOn(inventory: Inventory, signal?: AbortSignal): Promise<ScanReport> {
    const { advisories: folder, clock } = this.#options;
    const stamp = await folderStamp(folder);
    let match = this.#matches.get(inventory.imageId);
    if (match?.stamp !== stamp) {
      const none: MatchResult = { findings: [], advisories: undefined };
      const result = stamp === '' ? none : await this.#jobs.run(() => runScanJob({ kind: 'match', inventory, folder }, signal));
      match = { stamp, result };
      this.#matches.set(inventory.imageId, match);
    }
    const { advisories } = match.result;
    const findings = markIgnored(this.policy, match.result.findings, clock.now());
    return { inventory, findings, counts: countFindings(findings), advisories };
  }

  #enforce(
    { verb, threshold, name }: { verb: 'run' | 'pull'; threshold: Severity; name: string },
    { findings, advisories }: ScanReport,
  ): void {
    const { policy, advisories: folder } = this.#options;
    // A policy that can't be checked is not met.
    if (advisories === undefined)
      throw new GantryError('denied', `the scan policy refuses to ${verb} ${name}: no advisory data is loaded`, {
        hint: `Put OSV, Debian tracker or Alpine files into ${folder}.`,
      });
    const refused = refusedBy(policy, threshold, findings);
    if (refused.length === 0) return;
    const many = refused.length === 1 ? '1 finding' : `${refused.length} findings`;
    const hint = `${verb === 'run' ? `'gantry scan ${name}' lists them all; ` : ''}"ignore" in the policy excepts one.`;
    throw new GantryError(
      'denied',
      `the scan policy refuses to ${verb} ${name}: ${many} of severity ${threshold} or worse: ${named(refused)}`,
      { hint },
    );
  }
}

function named(findings: readonly Finding[]): string {
  const shown = findings
    .slice(0, NAMED)
    .map(({ id, package: item, fixedIn }) => `${id} in ${item.name} ${item.version}${fixedIn ? ` (mended in ${fixedIn})` : ''}`);
  return [...shown, ...(findings.length > NAMED ? ['…'] : [])].join(', ');
}
