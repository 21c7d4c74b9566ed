import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Command } from '../../command.ts';
import { currentContext, metaFolder, readContext, tlsFolder } from '../../config/index.ts';
import type { Session } from '../../session.ts';
import { toJson } from '../../template/index.ts';
import { INSPECT_FORMAT, inspectEach } from '../inspecting.ts';

/** A context as `docker context inspect` shows it. */
function describe(session: Session, name: string): Record<string, unknown> {
  if (name === 'default') {
    return {
      Name: 'default',
      Metadata: {},
      Endpoints: { docker: { Host: session.engineAddress, SkipTLSVerify: false } },
      TLSMaterial: {},
      Storage: { MetadataPath: '<IN MEMORY>', TLSPath: '<IN MEMORY>' },
    };
  }
  const folder = session.settings.folder;
  const tls = tlsFolder(folder, name);
  const kept = path.join(tls, 'docker');
  return {
    ...readContext(folder, name),
    TLSMaterial: existsSync(kept) ? { docker: readdirSync(kept).sort() } : {},
    Storage: { MetadataPath: metaFolder(folder, name), TLSPath: tls },
  };
}

const command: Command = {
  usage: '[OPTIONS] [CONTEXT] [CONTEXT...]',
  flags: [INSPECT_FORMAT],
  args: [0, Number.POSITIVE_INFINITY],
  completes: 'contexts',
  async run(session, flags, names) {
    const wanted = names.length > 0 ? names : [currentContext(session.globals, session.env, session.settings)];
    await inspectEach(session, wanted, flags.text('format'), async (name) => toJson(describe(session, name), true));
  },
};
export default command;
