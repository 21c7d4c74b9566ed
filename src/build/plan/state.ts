import type { Configuration } from './configuration.ts';

/** What instructions of a stage change, and what stages on top of it begin with. */
export interface StageState {
  configuration: Configuration;
  /** Variables as instructions see them: ENV and ARG. */
  variables: Map<string, string>;
  /** ARGs in the order of their declaration; they are told in the history of RUN. */
  arguments: { key: string; value: string | undefined }[];
  author: string | undefined;
  platform: import('./plan.ts').ImagePlatform;
  /** A WORKDIR was there already, so that a relative one is well defined. */
  workdirSet: boolean;
  /** The base image's variables are known. */
  baseKnown: boolean;
}
