import type { SoftwarePackage } from '../scan.ts';

/** Installed packages of dpkg's status file, or of one file of `status.d` (deb-control(5)). */
export function parseDpkgStatus(text: string, path: string): SoftwarePackage[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const fields = new Map<string, string>();
    for (const line of paragraph.split('\n')) {
      const [, key, value] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
      if (key !== undefined && value !== undefined) fields.set(key, value.trim());
    }
    const [name, version, status] = [fields.get('Package'), fields.get('Version'), fields.get('Status')];
    // Files of status.d have no Status line: what is listed is there.
    if (!name || !version || (status !== undefined && !status.endsWith(' installed'))) return [];
    const [, sourceName = name, sourceVersion = version] = /^(\S+)(?:\s+\((.+)\))?$/.exec(fields.get('Source') ?? '') ?? [];
    const architecture = fields.get('Architecture');
    return [
      {
        ecosystem: 'deb',
        name,
        version,
        source: { name: sourceName, version: sourceVersion },
        path,
        ...(architecture ? { architecture } : {}),
      },
    ];
  });
}

/** Alpine's database of installed packages: P name, V version, o origin, A architecture, L license. */
export function parseApkInstalled(text: string, path: string): SoftwarePackage[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const fields = new Map(paragraph.split('\n').flatMap((line) => (line[1] === ':' ? [[line[0], line.slice(2)] as const] : [])));
    const [name, version, origin, architecture, license] = ['P', 'V', 'o', 'A', 'L'].map((key) => fields.get(key));
    if (!name || !version) return [];
    return [
      {
        ecosystem: 'apk',
        name,
        version,
        source: { name: origin || name, version },
        path,
        ...(architecture ? { architecture } : {}),
        ...(license ? { license } : {}),
      },
    ];
  });
}
