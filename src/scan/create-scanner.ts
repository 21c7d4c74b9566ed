import { type Clock, GantryError, type Ids, type Log } from '../base/index.ts';
import type { Images } from '../images/index.ts';
import type { Store } from '../store/index.ts';
import { folderStamp } from './advisories/load.ts';
import { countFindings } from './advisories/match.ts';
import { cycloneDx } from './bom/cyclonedx.ts';
import { spdx } from './bom/spdx.ts';
import { refusedBy } from './policy.ts';
import type { Finding, Inventory, Scanner, ScanPolicy, ScanReport, Severity } from './scan.ts';
import { type MatchResult, runScanJob } from './thread.ts';

const KIND = 'inventory';
/** Grows when inventories come to hold more: older ones are then taken anew. */
const FORM = 1;
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

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  get policy(): ScanPolicy {
    return this.#options.policy;
  }

  async inventory(imageId: string, signal?: AbortSignal): Promise<Inventory> {
    const image = this.#options.images.get(imageId);
    return await this.#inventoryOf(image.id, image.layers, signal);
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

  async admitRun(imageId: string): Promise<void> {
    const { run } = this.policy;
    if (run === undefined) return;
    const image = this.#options.images.get(imageId);
    const report = await this.#reportOn(await this.#inventoryOf(image.id, image.layers));
    this.#enforce(image.tags[0] ?? image.id, run, report);
  }

  async #inventoryOf(imageId: string, layers: readonly string[], signal?: AbortSignal): Promise<Inventory> {
    const kept = await this.#options.store.get<{ form: number; inventory: Inventory }>(KIND, imageId);
    if (kept?.value.form === FORM) return kept.value.inventory;
    const there = this.#underWay.get(imageId);
    if (there) return await there;
    const taken = this.#take(imageId, layers, signal).finally(() => this.#underWay.delete(imageId));
    this.#underWay.set(imageId, taken);
    return await taken;
  }

  async #take(imageId: string, layers: readonly string[], signal?: AbortSignal): Promise<Inventory> {
    const { images, ids, store } = this.#options;
    const id = ids.next();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => images.layers.remove(id));
    const root = await images.assembly.mountLayers(id, layers);
    const inventory = await runScanJob({ kind: 'inventory', root, imageId }, signal);
    await this.#forgetGone();
    await store.update(KIND, imageId, { form: FORM, inventory });
    return inventory;
  }

  /** Inventories of images that are no more. */
  async #forgetGone(): Promise<void> {
    const { images, store } = this.#options;
    const there = new Set(images.list().map(({ id }) => id));
    for (const { id } of (await store.list(KIND)).rows) if (!there.has(id)) await store.delete(KIND, id);
  }

  async #reportOn(inventory: Inventory, signal?: AbortSignal): Promise<ScanReport> {
    const { advisories: folder } = this.#options;
    const stamp = folderStamp(folder);
    let match = this.#matches.get(inventory.imageId);
    if (match?.stamp !== stamp) {
      match = {
        stamp,
        result: stamp === '' ? { findings: [], advisories: undefined } : await runScanJob({ kind: 'match', inventory, folder }, signal),
      };
      this.#matches.set(inventory.imageId, match);
    }
    const { findings, advisories } = match.result;
    return { inventory, findings, counts: countFindings(findings), advisories };
  }

  #enforce(name: string, threshold: Severity, { findings, advisories }: ScanReport): void {
    const { policy, advisories: folder } = this.#options;
    // A policy that can't be checked is not met.
    if (advisories === undefined)
      throw new GantryError('denied', `the scan policy refuses to run ${name}: no advisory data is loaded`, {
        hint: `Put OSV or Debian tracker files into ${folder}.`,
      });
    const refused = refusedBy(policy, threshold, findings);
    if (refused.length === 0) return;
    throw new GantryError(
      'denied',
      `the scan policy refuses to run ${name}: ${refused.length} findings of severity ${threshold} or worse: ${named(refused)}`,
      {
        hint: `gantry scan ${name} lists them all; "ignore" in the policy excepts one.`,
      },
    );
  }
}

function named(findings: readonly Finding[]): string {
  const shown = findings
    .slice(0, NAMED)
    .map(({ id, package: item, fixedIn }) => `${id} in ${item.name} ${item.version}${fixedIn ? ` (mended in ${fixedIn})` : ''}`);
  return [...shown, ...(findings.length > NAMED ? ['…'] : [])].join(', ');
}
