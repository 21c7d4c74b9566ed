import { indentJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { authHeader } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { text } from '../../flags/index.ts';
import { parseReference } from '../../format/reference.ts';

/** The parts that are shown of the reply of GET /gantry/trust. */
interface Report {
  readonly repository: string;
  readonly digests: readonly string[];
  readonly policy?: string;
  readonly admitted: boolean;
  readonly why: string;
  readonly signatures: readonly { readonly manifest: string; readonly form: string; readonly trusted: boolean; readonly finding: string }[];
}

const command: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  about: "Tells whether the engine's trust policy lets an image be pulled, and by which signature. Ends with code 1 when it does not.",
  flags: [text('format', "How to print: 'table' or 'json'", { choices: ['table', 'json'], default: 'table' })],
  args: [1, 1],
  completes: 'images',
  async run(session, flags, [name = '']) {
    const format = flags.text('format') || 'table';
    if (format !== 'table' && format !== 'json') throw new CommandFailure(`invalid --format ${JSON.stringify(format)}: use table, json`);
    const { registry } = parseReference(name);
    const client = await session.client();
    const reply = await client.text('GET', '/gantry/trust', { query: { name }, headers: await authHeader(session, registry) });
    const report = JSON.parse(reply) as Report;
    session.out(format === 'json' ? `${indentJson(reply, '  ')}\n` : draw(report));
    if (!report.admitted) throw new CommandFailure(`the trust policy refuses ${name}`, 1);
  },
};
export default command;

function draw({ repository, digests, policy, admitted, why, signatures }: Report): string {
  const lines = [`Repository: ${repository}`, ...digests.map((digest) => `Digest:     ${digest}`), `Policy:     ${policy ?? 'none'}`];
  for (const { manifest, form, trusted, finding } of signatures)
    lines.push(`Signature:  ${manifest.slice(0, 19)}  ${trusted ? 'good' : 'no good'}: a ${form} ${finding}`);
  lines.push(`${admitted ? 'Accepted' : 'Refused'}:   ${admitted ? '' : ' '}${why}`);
  return `${lines.join('\n')}\n`;
}
