import { existsSync, writeFileSync } from 'node:fs';
import { compareVersions, EngineRefusal } from '../../client/index.ts';
import { type CreateBody, createBody } from '../../create/index.ts';
import { CommandFailure } from '../../failure.ts';
import type { Flags } from '../../flags/index.ts';
import { fullName, parseReference } from '../../format/reference.ts';
import type { Session } from '../../session.ts';
import { pullImage } from '../image/pull.ts';

export interface Created {
  readonly id: string;
  readonly body: CreateBody;
}

const isId = (image: string) => /^(sha256:)?[\da-f]{64}$/.test(image);

function checkFiles(flags: Flags): void {
  const file = flags.text('cidfile');
  if (file !== '' && existsSync(file))
    throw new CommandFailure(`container ID file found, make sure the other container isn't running or delete ${file}`, 125);
  const pull = flags.text('pull');
  if (!['always', 'missing', 'never', ''].includes(pull))
    throw new CommandFailure(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`, 125);
}

/** Variables that the user's settings add for proxies, unless given. */
function proxyVariables(session: Session, body: CreateBody): void {
  const proxies = session.settings.file.proxies;
  const chosen = proxies?.[session.engineAddress] ?? proxies?.default;
  if (!chosen) return;
  const names: Record<string, string> = {
    httpProxy: 'HTTP_PROXY',
    httpsProxy: 'HTTPS_PROXY',
    ftpProxy: 'FTP_PROXY',
    noProxy: 'NO_PROXY',
    allProxy: 'ALL_PROXY',
  };
  const env = (body.Env as string[] | undefined) ?? [];
  for (const [key, value] of Object.entries(chosen)) {
    const name = names[key];
    if (!name) continue;
    for (const one of [name, name.toLowerCase()]) if (!env.some((entry) => entry.startsWith(`${one}=`))) env.push(`${one}=${value}`);
  }
  if (env.length > 0) body.Env = env;
}

/** Makes a container as the flags say, pulling the image when it is missing. Throws `CommandFailure`. */
export async function createContainer(
  session: Session,
  flags: Flags,
  image: string,
  words: readonly string[],
  adjust: (body: CreateBody) => void = () => {},
): Promise<Created> {
  checkFiles(flags);
  const body = createBody(flags, image, words, session);
  adjust(body);
  proxyVariables(session, body);
  const client = await session.client();
  // The address moved to the network's own settings; engines before that read only the old place.
  if (flags.text('mac-address') && compareVersions(client.apiVersion, '1.44') < 0) body.MacAddress = flags.text('mac-address');
  const platform = flags.text('platform') || (session.env.DOCKER_DEFAULT_PLATFORM ?? '');
  const pull = () => pullImage(session, image, { platform, quiet: flags.bool('quiet'), toStderr: true });
  if (!isId(image)) {
    const reference = parseReference(image);
    if (!reference.tag && !reference.digest) body.Image = reference.familiar;
  }
  const send = () =>
    client.json<{ Id: string; Warnings?: string[] | null }>('POST', '/containers/create', {
      query: { name: flags.text('name'), platform },
      body,
    });
  if (flags.text('pull') === 'always') await pull();
  const reply = await send().catch(async (error: unknown) => {
    const missing = error instanceof EngineRefusal && error.status === 404 && /image/i.test(error.reason);
    if (!missing || flags.text('pull') !== 'missing' || isId(image)) throw error;
    if (!flags.bool('quiet')) session.err(`Unable to find image '${fullName(parseReference(image))}' locally\n`);
    await pull();
    return send();
  });
  for (const warning of reply.Warnings ?? []) session.err(`WARNING: ${warning}\n`);
  const file = flags.text('cidfile');
  if (file !== '') writeFileSync(file, reply.Id, { flag: 'wx' });
  return { id: reply.Id, body };
}

/** Failures of `run` and `create` end with 125, and name the command first. */
export function asRunFailure(error: unknown, verb: string): CommandFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof CommandFailure && error.code !== 1 ? error.code : 125;
  return new CommandFailure(`gantry: ${message}\n\nRun 'gantry ${verb} --help' for more information`, code, error);
}
