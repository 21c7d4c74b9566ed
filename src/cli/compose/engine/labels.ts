/** The labels by which Compose knows its own, the same as Docker Compose's: either client finds what the other made. */
const PREFIX = 'com.docker.compose';

export const LABELS = {
  configFiles: `${PREFIX}.project.config_files`,
  configHash: `${PREFIX}.config-hash`,
  dependsOn: `${PREFIX}.depends_on`,
  environmentFile: `${PREFIX}.project.environment_file`,
  image: `${PREFIX}.image`,
  network: `${PREFIX}.network`,
  number: `${PREFIX}.container-number`,
  oneOff: `${PREFIX}.oneoff`,
  project: `${PREFIX}.project`,
  replace: `${PREFIX}.replace`,
  service: `${PREFIX}.service`,
  slug: `${PREFIX}.slug`,
  version: `${PREFIX}.version`,
  volume: `${PREFIX}.volume`,
  workingFolder: `${PREFIX}.project.working_dir`,
  /** Ours: a short digest of each key of the service, to tell which one changed. */
  keys: 'gantry.compose.keys',
} as const;
