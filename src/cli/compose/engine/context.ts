import type { Session } from '../../session.ts';
import type { Project } from '../project/project.ts';
import type { Progress } from '../view/progress.ts';
import type { Api } from './api.ts';

/** What acting on a project needs. */
export interface Context {
  readonly session: Session;
  readonly api: Api;
  readonly project: Project;
  readonly progress: Progress;
  readonly version: string;
  /** Seconds to wait for containers to stop; undefined leaves it to each. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal;
}
