import type { Mapping } from '../document/tree.ts';
import type { Lookup } from '../values/interpolate.ts';

/** A network, volume, secret or config of a project. */
export interface Resource {
  /** The key in the file. */
  readonly key: string;
  /** Its name for the engine. */
  readonly name: string;
  /** Somebody else makes and removes it. */
  readonly external: boolean;
  readonly definition: Mapping;
}

export interface Service {
  readonly name: string;
  /** Every short form written out, paths absolute, variables put in, files of variables read. */
  readonly definition: Mapping;
}

export type Resources = ReadonlyMap<string, Resource>;

/** A whole application as its files describe it: what is active, and no more. */
export interface Project {
  readonly name: string;
  readonly folder: string;
  readonly files: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly services: ReadonlyMap<string, Service>;
  /** Services whose profiles are not active, with the profiles. */
  readonly inactive: ReadonlyMap<string, readonly string[]>;
  readonly networks: Resources;
  readonly volumes: Resources;
  readonly secrets: Resources;
  readonly configs: Resources;
  readonly lookup: Lookup;
}
