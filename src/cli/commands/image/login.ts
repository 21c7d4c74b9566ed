import { readText } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { authFor, HUB_KEY, registryKey, storeAuth } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, text } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { readLine } from '../../terminal/index.ts';

const keyOf = (server: string | undefined) =>
  server === undefined ? HUB_KEY : registryKey(server.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));

function checkFlags(flags: Flags): void {
  if (flags.given('password') && flags.bool('password-stdin'))
    throw new CommandFailure('conflicting options: cannot specify both --password and --password-stdin');
  if (flags.bool('password-stdin') && flags.text('username') === '')
    throw new CommandFailure('the --password-stdin option requires --username to be set');
}

/** Name and password: from flags, else from what is kept, else asked for. */
async function credentials(session: Session, flags: Flags, key: string): Promise<{ username: string; password: string }> {
  let username = flags.text('username').trim();
  let password = flags.text('password');
  if (flags.given('password')) session.err('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  if (flags.bool('password-stdin')) password = (await readText(session.stdin())).replace(/\r?\n$/, '');
  if (username !== '' && password !== '') return { username, password };
  const kept = username === '' ? await authFor(session, key === HUB_KEY ? 'docker.io' : key) : {};
  if (kept.username && kept.password) {
    session.out('Authenticating with existing credentials...\n');
    return { username: kept.username, password: kept.password };
  }
  if (!session.stdin().isTTY) throw new CommandFailure('Error: Cannot perform an interactive login from a non TTY device');
  if (username === '') username = (await readLine(session, 'Username: '))?.trim() ?? '';
  if (username === '') throw new CommandFailure('Error: username is required');
  if (password === '') password = (await readLine(session, 'Password: ', true)) ?? '';
  if (password === '') throw new CommandFailure('Error: password is required');
  return { username, password };
}

const command: Command = {
  usage: '[OPTIONS] [SERVER]',
  about: 'Checks a name and password with a registry and keeps them for pull and push. Docker Hub when no server is named.',
  flags: [
    text('password', 'Password or access token', { short: 'p' }),
    bool('password-stdin', 'Read the password from standard input'),
    text('username', 'Name of the user', { short: 'u' }),
  ],
  args: [0, 1],
  async run(session, flags, [server]) {
    checkFlags(flags);
    const key = keyOf(server);
    const given = await credentials(session, flags, key);
    const client = await session.client();
    const reply = await client.json<{ Status?: string; IdentityToken?: string }>('POST', '/auth', {
      body: { ...given, serveraddress: key },
    });
    const auth = reply.IdentityToken ? { username: given.username, identitytoken: reply.IdentityToken } : given;
    const where = await storeAuth(session, key, auth);
    if (where === 'file')
      session.err(
        `\nWARNING! Your credentials are stored unencrypted in '${session.settings.folder}/config.json'.\nSet "credsStore" there to the name of a credential helper to keep them safe.\n\n`,
      );
    session.out(`${reply.Status || 'Login Succeeded'}\n`);
  },
};
export default command;
