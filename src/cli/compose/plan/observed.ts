/** One container of a project as the engine has it. */
export interface Observed {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly number: number;
  readonly oneOff: boolean;
  /** `running`, `exited`, `created` … in the engine's words. */
  readonly state: string;
  /** For people: `Up 3 minutes (healthy)`. */
  readonly status: string;
  readonly image: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Id of the container that it was made to replace. */
  readonly replaces: string | undefined;
  /** Whether it has its ports and names: one that stands by has not yet, one that was relieved has no more. */
  readonly role: 'serving' | 'standby' | 'relieved';
}

export const isRunning = ({ state }: Pick<Observed, 'state'>) => state === 'running' || state === 'paused' || state === 'restarting';
