import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { normalizeAddress } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { environmentAddress, metaFolder, readContext, type StoredContext, tlsFolder } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { splitCsv, text } from '../../flags/index.ts';

type Fields = Map<string, string>;

const KEYS = ['host', 'ca', 'cert', 'key', 'skip-tls-verify', 'from'];

function readFields(given: string): Fields {
  const fields: Fields = new Map();
  for (const field of given === '' ? [] : splitCsv(given)) {
    const equals = field.indexOf('=');
    const key = field.slice(0, Math.max(0, equals));
    if (!KEYS.includes(key)) throw new CommandFailure(`unrecognized config key: ${key || field}`);
    fields.set(key, field.slice(equals + 1));
  }
  return fields;
}

/** Keeps copies of the certificates, so that the context goes on working when the originals move. */
function copyCertificates(folder: string, fields: Fields): void {
  for (const name of ['ca', 'cert', 'key']) {
    const source = fields.get(name);
    if (!source) continue;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    copyFileSync(source.replace(/^~(?=\/)/, process.env.HOME ?? '~'), path.join(folder, `${name}.pem`));
  }
}

const command: Command = {
  usage: '[OPTIONS] CONTEXT',
  about:
    'Keeps the address of an engine under a name, for --context and `gantry context use`.\n\nExample: gantry context create far --docker "host=tcp://far:2376,ca=ca.pem,cert=cert.pem,key=key.pem"',
  flags: [
    text('description', 'What it is for'),
    text('docker', 'Address and certificates: host=…,ca=…,cert=…,key=…,skip-tls-verify=…'),
    text('from', 'Take the address of this context', { completes: 'contexts' }),
  ],
  args: [1, 1],
  async run(session, flags, [name = '']) {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name) || name === 'default')
      throw new CommandFailure(
        name === 'default'
          ? '"default" is a reserved context name'
          : `context name ${JSON.stringify(name)} is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
      );
    const folder = session.settings.folder;
    const file = path.join(metaFolder(folder, name), 'meta.json');
    if (existsSync(file)) throw new CommandFailure(`context ${JSON.stringify(name)} already exists`);
    const fields = readFields(flags.text('docker'));
    const from = fields.get('from') ?? (flags.text('from') || undefined);
    const inherited =
      from === undefined
        ? undefined
        : from === 'default'
          ? { Host: normalizeAddress(environmentAddress(session.env) ?? '') }
          : readContext(folder, from).Endpoints.docker;
    const host = fields.get('host') ?? inherited?.Host ?? environmentAddress(session.env);
    const meta: StoredContext = {
      Name: name,
      Metadata: flags.text('description') ? { Description: flags.text('description') } : {},
      Endpoints: {
        docker: { Host: normalizeAddress(host ?? ''), SkipTLSVerify: /^(1|t|true)$/i.test(fields.get('skip-tls-verify') ?? '') },
      },
    };
    copyCertificates(path.join(tlsFolder(folder, name), 'docker'), fields);
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, JSON.stringify(meta));
    session.out(`${name}\n`);
    session.err(`Successfully created context ${JSON.stringify(name)}\n`);
  },
};
export default command;
