import type { Inventory } from '../scan.ts';
import { packageUrl } from './purl.ts';

const UNSAID = 'NOASSERTION';

/** A bill of materials as SPDX 2.3 JSON. */
export function spdx(inventory: Inventory, about: { name: string; timestamp: string; serial: string; version: string }): object {
  const { distribution, packages, imageId } = inventory;
  const image = 'SPDXRef-image';
  const entries = packages.map((item, index) => ({
    SPDXID: `SPDXRef-package-${index + 1}`,
    name: item.name,
    versionInfo: item.version,
    downloadLocation: UNSAID,
    filesAnalyzed: false,
    licenseConcluded: UNSAID,
    // Only expressions may stand here; what packages write is often none.
    licenseDeclared: item.license && /^[A-Za-z0-9.+-]+$/.test(item.license) ? item.license : UNSAID,
    copyrightText: UNSAID,
    sourceInfo: `found in /${item.path}${item.source ? `, built from ${item.source.name} ${item.source.version}` : ''}`,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: packageUrl(item, distribution) }],
  }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: about.name,
    documentNamespace: `https://gantry.invalid/spdx/${about.serial}`,
    creationInfo: { created: about.timestamp.replace(/\.\d+Z$/, 'Z'), creators: [`Tool: gantry-${about.version}`] },
    packages: [
      {
        SPDXID: image,
        name: about.name,
        versionInfo: imageId,
        downloadLocation: UNSAID,
        filesAnalyzed: false,
        licenseConcluded: UNSAID,
        licenseDeclared: UNSAID,
        copyrightText: UNSAID,
        primaryPackagePurpose: 'CONTAINER',
      },
      ...entries,
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image },
      ...entries.map(({ SPDXID }) => ({ spdxElementId: image, relationshipType: 'CONTAINS', relatedSpdxElement: SPDXID })),
    ],
  };
}
