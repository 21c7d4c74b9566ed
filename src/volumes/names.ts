import { invalid } from '../base/index.ts';

const LONGEST_NAME = 255;

/** Fails with `invalid`, in Docker's words, unless `name` is fit for a volume and so for one directory entry. */
export function checkName(name: string): void {
  if (name.length === 1) throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw invalid(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ` +
        'If you intended to pass a host directory, use absolute path',
    );
  }
  if (name.length > LONGEST_NAME)
    throw invalid(`create ${name.slice(0, 40)}…: volume name is too long, ${name.length} characters of at most ${LONGEST_NAME}`);
}
