import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { Limiter } from '../../base/index.ts';

/** log2 of the cost, block size, parallelism: 32 MiB and some tenths of a second for each guess. */
const COST = { ln: 15, r: 8, p: 3 };
const BYTES = 32;
/** Each derivation takes 32 MiB: never many at once. */
const limiter = new Limiter(2);

const derive = (password: string, salt: Buffer, { ln, r, p }: typeof COST) =>
  limiter.run(() => {
    const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: 64 * 1024 * 1024 };
    return new Promise<Buffer>((resolve, reject) => {
      scrypt(password, salt, BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
    });
  });

/** What proves the password, with salt and parameters: `$scrypt$ln=15,r=8,p=3$SALT$KEY`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** Takes as long for a hash that is missing as for one that is there, so that time tells no names. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const found = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/.exec(hash ?? '');
  const cost = found ? { ln: Number(found[1]), r: Number(found[2]), p: Number(found[3]) } : COST;
  const key = await derive(password, Buffer.from(found?.[4] ?? '', 'base64url'), cost);
  const kept = Buffer.from(found?.[5] ?? '', 'base64url');
  return found !== null && kept.length === key.length && timingSafeEqual(kept, key);
}
