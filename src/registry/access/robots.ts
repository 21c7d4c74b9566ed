import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { conflict, invalid, notFound } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { ROBOT, USER } from './kinds.ts';
import { checkAccountName, checkRights, type Rights } from './rights.ts';

const PREFIX = 'gtr_';

/** A row of the registry's store: a token for a machine. Its name is what it logs in with, the token the password. */
export interface Robot extends Rights {
  /** SHA-256 of the token, which has 256 random bits: no slow hash is needed. */
  secret: string;
  description?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch; absent: it never expires. */
  expiresAt?: number;
}

export interface NewRobot extends Rights {
  description?: string;
  expiresAt?: number;
}

/** Resolves to the token, which is nowhere kept. Fails with `conflict` for a name that a user or robot has. */
export async function addRobot(store: Store, name: string, robot: NewRobot, now: number): Promise<string> {
  checkAccountName('robot', name);
  checkRights(robot);
  if (robot.expiresAt !== undefined && robot.expiresAt <= now) throw invalid('the robot would be expired from the start');
  if (await store.get(USER, name)) throw conflict(`${name} is the name of a user already`);
  if (await store.get(ROBOT, name))
    throw conflict(`the robot ${name} exists already`, `For a new token, remove it first: gantry registry robot rm ${name}`);
  const token = PREFIX + randomBytes(32).toString('base64url');
  await store.create<Robot>(ROBOT, name, { ...robot, secret: hashSecret(token), createdAt: now });
  return token;
}

export async function removeRobot(store: Store, name: string): Promise<void> {
  if (!(await store.delete(ROBOT, name))) throw notFound(`no such robot: ${name}`);
}

export const isExpired = ({ expiresAt }: Robot, now: number): boolean => expiresAt !== undefined && expiresAt <= now;

export function provesRobot(token: string, { secret }: Pick<Robot, 'secret'>): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(token), 'hex'), Buffer.from(secret, 'hex'));
}

const hashSecret = (token: string) => createHash('sha256').update(token).digest('hex');
