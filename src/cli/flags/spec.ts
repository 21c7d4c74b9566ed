/** What a flag takes; `list` and its kin may be repeated, `csv` also splits at commas. */
export type FlagKind = 'bool' | 'string' | 'int' | 'uint16' | 'bytes' | 'decimal' | 'duration' | 'list' | 'csv' | 'map' | 'filter';

/** Things of the engine that shell completion can offer. */
export type Completes = 'containers' | 'running' | 'images' | 'volumes' | 'networks' | 'contexts' | 'files' | 'directories';

export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  readonly help: string;
  readonly short?: string;
  /** Word after the flag in the help page; the kind's own when absent. */
  readonly value?: string;
  /** As the user would write it; also shown in the help page. */
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Accepted, and not shown in help: kept for old scripts. */
  readonly hidden?: boolean;
  /** Throws an Error whose message says what is wrong with `value`. */
  readonly check?: (value: string) => void;
}

type Extra = Partial<Omit<FlagSpec, 'name' | 'kind' | 'help'>>;
const make =
  (kind: FlagKind) =>
  (name: string, help: string, extra: Extra = {}): FlagSpec => ({ name, kind, help, ...extra });

export const bool = make('bool');
export const text = make('string');
export const int = make('int');
export const uint16 = make('uint16');
export const bytes = make('bytes');
export const decimal = make('decimal');
export const duration = make('duration');
export const list = make('list');
export const csv = make('csv');
export const map = make('map');
export const filter = make('filter');

export const formatFlag = (short?: string): FlagSpec =>
  text('format', "Print with a Go template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'", short ? { short } : {});
export const filterFlag = (short?: string): FlagSpec =>
  filter('filter', 'Keep only what matches name=value (repeatable)', short ? { short } : {});
