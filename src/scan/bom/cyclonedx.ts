import type { Inventory } from '../scan.ts';
import { packageUrl } from './purl.ts';

/** A bill of materials as CycloneDX 1.6 JSON. `name` is the image's reference, `timestamp` RFC 3339, `serial` a UUID. */
export function cycloneDx(inventory: Inventory, about: { name: string; timestamp: string; serial: string; version: string }): object {
  const { distribution, packages, imageId } = inventory;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${about.serial}`,
    version: 1,
    metadata: {
      timestamp: about.timestamp,
      tools: { components: [{ type: 'application', name: 'gantry', version: about.version }] },
      component: { type: 'container', 'bom-ref': imageId, name: about.name, version: imageId },
    },
    components: [
      ...(distribution.id
        ? [
            {
              type: 'operating-system',
              'bom-ref': 'distribution',
              name: distribution.id,
              version: distribution.versionId,
              description: distribution.prettyName,
            },
          ]
        : []),
      ...packages.map((item, index) => ({
        type: 'library',
        'bom-ref': `package-${index + 1}`,
        ...nameOf(item.ecosystem, item.name),
        version: item.version,
        ...(item.license ? { licenses: [{ license: { name: item.license } }] } : {}),
        purl: packageUrl(item, distribution),
        properties: [
          { name: 'gantry:path', value: `/${item.path}` },
          ...(item.source ? [{ name: 'gantry:source', value: `${item.source.name} ${item.source.version}` }] : []),
        ],
      })),
    ],
  };
}

/** Groups of Maven, scopes of npm. */
function nameOf(ecosystem: string, name: string): { group?: string; name: string } {
  const [, group, rest] = (ecosystem === 'maven' ? /^(.+):(.+)$/ : ecosystem === 'npm' ? /^(@[^/]+)\/(.+)$/ : /^$/).exec(name) ?? [];
  return group && rest ? { group, name: rest } : { name };
}
