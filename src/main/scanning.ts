import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, invalid } from '../base/index.ts';
import type { Scanner, ScannerOptions, ScanPolicy } from '../scan/index.ts';

const NO_POLICY: ScanPolicy = { ignore: [], onlyFixed: false };

/**
 * The scanner, and what the engine asks before it makes a container: nothing unless the policy says so. Where the policy is about pulls, too,
 * the images room asks from here on. Fails with `invalid` when the policy is not one.
 */
export async function scanning(
  options: Omit<ScannerOptions, 'policy' | 'advisories'> & {
    dataRoot: string;
    advisories: string | undefined;
    scanPolicy: string | undefined;
  },
): Promise<{ scanner: () => Promise<Scanner>; admit: { admit?: (imageId: string, name: string) => Promise<void> } }> {
  const policy = options.scanPolicy === undefined ? NO_POLICY : await readPolicy(options.scanPolicy);
  const advisories = options.advisories ?? join(options.dataRoot, 'advisories');
  let made: Promise<Scanner> | undefined;
  const scanner = () => {
    made ??= import('../scan/index.ts').then(({ createScanner }) => createScanner({ ...options, policy, advisories }));
    return made;
  };
  const admit = async (imageId: string, name: string) => (await scanner()).admitRun(imageId, name);
  if (policy.pull !== undefined)
    options.images.guardPulls(async (image, progress, signal) => {
      progress({ status: 'Scanning before it may be used' });
      await (await scanner()).admitPull(image, signal);
    });
  return { scanner, admit: policy.run === undefined ? {} : { admit } };
}

async function readPolicy(path: string): Promise<ScanPolicy> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`cannot read the scan policy ${path}: ${describe(error)}`);
  }
  const { parseScanPolicy } = await import('../scan/index.ts');
  return parseScanPolicy(text, path);
}
