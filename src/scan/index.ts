export { cycloneDx } from './bom/cyclonedx.ts';
export { spdx } from './bom/spdx.ts';
export { createScanner, type ScannerOptions } from './create-scanner.ts';
export { parseScanPolicy, SEVERITIES } from './policy.ts';
export type * from './scan.ts';
