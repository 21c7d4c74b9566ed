import { invalid } from '../../base/index.ts';
import { readFileInRoot } from '../../host/index.ts';

/** `name|uid[:group|gid]` by the passwd and group files of a root; '' is root. Fails with `invalid` for a name that is not there. */
export function lookUpOwner(root: string, user: string): { uid: number; gid: number } {
  if (user === '') return { uid: 0, gid: 0 };
  const [name = '', group] = user.split(':', 2);
  const row = rows(root, '/etc/passwd').find((fields) => fields[0] === name || fields[2] === name);
  const uid = row ? Number(row[2]) : number(name);
  if (uid === undefined) throw invalid(`unable to find user ${name}: no matching entries in passwd file`);
  if (group === undefined || group === '') return { uid, gid: row ? Number(row[3]) : 0 };
  const groupRow = rows(root, '/etc/group').find((fields) => fields[0] === group || fields[2] === group);
  const gid = groupRow ? Number(groupRow[2]) : number(group);
  if (gid === undefined) throw invalid(`unable to find group ${group}: no matching entries in group file`);
  return { uid, gid };
}

function rows(root: string, path: string): string[][] {
  const text = readFileInRoot(root, path)?.toString('utf8') ?? '';
  return text.split('\n').map((line) => line.split(':'));
}

const number = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined);
