import type { ContainerSpec } from '../../model/index.ts';
import { plainSpec } from '../../model/testing/spec.ts';
import type { CreateContainer } from '../engine.ts';

/** A request for `busybox` with Docker's defaults; entrypoint and command are the image's. */
export function request(patch: Partial<ContainerSpec> = {}, name?: string): CreateContainer {
  return {
    ...(name === undefined ? {} : { name }),
    request: {},
    spec: { ...plainSpec(), entrypoint: undefined, command: undefined, ...patch },
  };
}
