import { posix } from 'node:path';
import { PathMatcher } from '../files/patterns.ts';
import type { EvaluatedStage, Linter, PlannedStage } from '../plan/index.ts';
import { formatPlatform, parsePlatform } from '../plan/platform.ts';
import { hostPlatform } from './build-plan.ts';
import type { FoundImage } from './images.ts';

/** The rules that need more than the Dockerfile. `excluded` are the lines of the `.dockerignore`, and sources count as they are written, as with Docker. */
export function checkIgnoredCopies(stages: Iterable<EvaluatedStage>, excluded: readonly string[], linter: Linter): void {
  const ignored = new PathMatcher(excluded);
  if (ignored.empty) return;
  for (const { steps } of stages)
    for (const { work, range } of steps) {
      if (work?.kind !== 'copy' || work.source.kind !== 'context') continue;
      const verb = work.instruction === 'ADD' ? 'Add' : 'Copy';
      for (const path of work.paths.filter((one) => posix.normalize(one) === one && ignored.match(one).matched))
        linter.report('CopyIgnoredFile', `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`, range);
    }
}

/** An image that is here for one platform only may stand in for another one. */
export function checkBasePlatform({ base, stage, platform }: PlannedStage, { image }: FoundImage, linter: Linter): void {
  if (base.kind !== 'image' || image.architecture === '') return;
  const wanted = parsePlatform(platform, hostPlatform());
  const found = { os: image.os || 'linux', architecture: image.architecture, variant: '' };
  if (found.os === wanted.os && found.architecture === wanted.architecture) return;
  linter.report(
    'InvalidBaseImagePlatform',
    `Base image ${base.reference} was pulled with platform ${JSON.stringify(formatPlatform(found))}, expected ${JSON.stringify(platform)} for current build`,
    stage.range,
    stage.comments,
  );
}
