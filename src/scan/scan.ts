/**
 * The scan room tells what software is in an image, and which of it has known weaknesses.
 *
 * An inventory is made once per image (images never change) and kept. Findings are made anew each time, from advisory data
 * that the operator loads into a folder: without any, a report says so rather than that nothing was found.
 */
export interface Scanner {
  /** What is in an image. Fails with `notFound` for an image that is not here. */
  inventory(imageId: string, signal?: AbortSignal): Promise<Inventory>;
  report(imageId: string, signal?: AbortSignal): Promise<ScanReport>;
  /** A bill of materials: CycloneDX 1.6 or SPDX 2.3, as JSON. `name` is what the image is called in it. */
  bill(imageId: string, options: { format: 'cyclonedx' | 'spdx'; name: string; signal?: AbortSignal }): Promise<object>;
  /** Fails with `denied`, naming the worst findings, when the policy refuses to run the image; `name` is what it was asked for as. */
  admitRun(imageId: string, name: string): Promise<void>;
  /** The same for a pull: of an image that is not to be seen yet, whose layers are here and held by somebody. */
  admitPull(image: { id: string; layers: readonly string[]; name: string }, signal: AbortSignal): Promise<void>;
  readonly policy: ScanPolicy;
}

export type Ecosystem = 'deb' | 'apk' | 'npm' | 'pypi' | 'golang' | 'maven';

export interface SoftwarePackage {
  ecosystem: Ecosystem;
  /** Maven: `group:artifact`; Go: the module's path. */
  name: string;
  version: string;
  /** Debian and Alpine: advisories are written for the source package. */
  source?: { name: string; version: string };
  architecture?: string;
  license?: string;
  /** Where it was found, from the root of the image. */
  path: string;
}

/** Of /etc/os-release (os-release(5)); empty strings where there is none. */
export interface Distribution {
  id: string;
  versionId: string;
  codename: string;
  prettyName: string;
}

export interface Inventory {
  imageId: string;
  distribution: Distribution;
  /** By ecosystem, name, version. */
  packages: SoftwarePackage[];
  /** Files that look like package data and could not be read as such. */
  unreadable: { path: string; reason: string }[];
}

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown';

export interface Finding {
  /** Such as CVE-2024-1234, or the advisory's own id. */
  id: string;
  aliases: string[];
  severity: Severity;
  summary: string;
  package: { ecosystem: Ecosystem; name: string; version: string; path: string };
  /** Undefined when there is no fixed version. */
  fixedIn?: string;
  source: 'osv' | 'debian' | 'alpine';
  /** The policy excepts it: why, and up to which day (YYYY-MM-DD). */
  ignored?: { reason?: string; until?: string };
}

export interface ScanReport {
  inventory: Inventory;
  /** Worst first. */
  findings: Finding[];
  /** Of those that are not ignored. */
  counts: Record<Severity, number>;
  /** Undefined: no advisory data is loaded, and nothing can be said about weaknesses. */
  advisories: AdvisoryState | undefined;
}

export interface AdvisoryState {
  folder: string;
  /** Records of each kind. */
  osv: number;
  debian: number;
  alpine: number;
  /** What is known of each ecosystem: affected packages, counted once for each record and release. None: nothing can be said of its packages. */
  byEcosystem: Partial<Record<Ecosystem, number>>;
  /** When the newest file of the folder changed, RFC 3339. */
  newest: string;
  unreadable: { path: string; reason: string }[];
}

/** What is refused: images with findings at or above a severity. */
export interface ScanPolicy {
  /** No container is made of them. */
  run?: Severity;
  /** They are not pulled. */
  pull?: Severity;
  ignore: Exception[];
  /** Only findings that a newer version would mend. */
  onlyFixed: boolean;
}

/** A finding that doesn't count. */
export interface Exception {
  id: string;
  reason?: string;
  /** YYYY-MM-DD: the last day that it holds, UTC. */
  until?: string;
  /** Only in the package of this name. */
  package?: string;
}
