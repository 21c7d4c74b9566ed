import { invalid } from '../../base/index.ts';

export interface ContainerUser {
  uid: number;
  gid: number;
  /** The primary group comes first, as Docker has it. */
  additionalGids: number[];
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const HIGHEST_ID = 2 ** 31 - 1;

/**
 * Resolves `name|uid[:group|gid]` against the text of the image's /etc/passwd and /etc/group, as Docker does.
 * Errors: `invalid` naming the user or group that is not there.
 */
export function resolveUser(user: string, groupAdd: readonly string[], passwdText: string, groupText: string): ContainerUser {
  const passwd = parsePasswd(passwdText);
  const groups = parseGroups(groupText);
  const colon = user.indexOf(':');
  const wantedUser = colon < 0 ? user : user.slice(0, colon);
  const wantedGroup = colon < 0 ? '' : user.slice(colon + 1);
  const entry = findUser(passwd, wantedUser);
  const gid = wantedGroup === '' ? entry.gid : findGroup(groups, wantedGroup);
  const own =
    wantedGroup === '' && entry.name !== '' ? groups.filter((group) => group.members.includes(entry.name)).map((group) => group.gid) : [];
  const added = groupAdd.map((name) => findGroup(groups, name));
  return { uid: entry.uid, gid, additionalGids: [...new Set([gid, ...own, ...added])], home: entry.home || '/' };
}

function findUser(passwd: PasswdEntry[], wanted: string): PasswdEntry {
  if (wanted === '') return passwd.find((entry) => entry.uid === 0) ?? { name: '', uid: 0, gid: 0, home: '/' };
  const number = asId(wanted);
  const found = passwd.find((entry) => entry.name === wanted) ?? passwd.find((entry) => entry.uid === number);
  if (found) return found;
  if (number === undefined) throw invalid(`unable to find user ${wanted}: no matching entries in passwd file`);
  return { name: '', uid: number, gid: 0, home: '/' };
}

function findGroup(groups: GroupEntry[], wanted: string): number {
  const number = asId(wanted);
  const found = groups.find((group) => group.name === wanted)?.gid ?? number;
  if (found === undefined) throw invalid(`unable to find group ${wanted}: no matching entries in group file`);
  return found;
}

function asId(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined;
  const value = Number(text);
  if (value < 0 || value > HIGHEST_ID) throw invalid(`uids and gids must be in range 0-${HIGHEST_ID}, not ${text}`);
  return value;
}

function parsePasswd(text: string): PasswdEntry[] {
  const entries: PasswdEntry[] = [];
  for (const fields of rows(text)) {
    const [name = '', , uid = '', gid = '', , home = ''] = fields;
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid)) entries.push({ name, uid: Number(uid), gid: Number(gid), home });
  }
  return entries;
}

function parseGroups(text: string): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const [name = '', , gid = '', members = ''] of rows(text)) {
    if (/^\d+$/.test(gid)) entries.push({ name, gid: Number(gid), members: members.split(',').filter(Boolean) });
  }
  return entries;
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.trimEnd().split(':'));
}
