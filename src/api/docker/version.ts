import { invalid } from '../../base/index.ts';

/** Minor numbers of the API versions that are spoken: 1.24 to 1.51. */
export const MINIMUM_MINOR = 24;
export const MAXIMUM_MINOR = 51;
export const MINIMUM_VERSION = `1.${MINIMUM_MINOR}`;
export const MAXIMUM_VERSION = `1.${MAXIMUM_MINOR}`;

/**
 * Splits `/v1.41/containers/json` into its minor version and the rest. Without a prefix the newest version is meant.
 * Fails with `invalid` when the version is not spoken here.
 */
export function splitVersion(path: string): { minor: number; path: string } {
  // 'v' and a digit: 118, 48..57. Most requests carry a version, and this runs for each.
  if (path.charCodeAt(1) !== 118 || !(path.charCodeAt(2) >= 48 && path.charCodeAt(2) <= 57)) return { minor: MAXIMUM_MINOR, path };
  const end = path.indexOf('/', 2);
  if (end === -1) return { minor: MAXIMUM_MINOR, path };
  const match = /^(\d{1,4})(?:\.(\d{1,4}))?$/.exec(path.slice(2, end));
  if (!match) return { minor: MAXIMUM_MINOR, path };
  const major = Number(match[1]);
  const minor = Number(match[2] ?? 0);
  const asked = match[0];
  if (major > 1 || (major === 1 && minor > MAXIMUM_MINOR))
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${MAXIMUM_VERSION}`);
  if (major < 1 || minor < MINIMUM_MINOR) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${MINIMUM_VERSION}, please upgrade your client to a newer version`,
    );
  }
  return { minor, path: path.slice(end) };
}
