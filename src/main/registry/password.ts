import { invalid } from '../../base/index.ts';

/** Arguments are seen by every process of the host, so a password is never one: it is typed twice without echo, or read from a pipe. */
export async function readPassword(fromStandardInput: boolean | undefined): Promise<string> {
  if (fromStandardInput) return await readAll();
  if (!process.stdin.isTTY) throw invalid('the password cannot be asked for: standard input is no terminal', 'Add --password-stdin.');
  const { readLine } = await import('../../cli/index.ts');
  const asker = { stdin: () => process.stdin, err: (text: string) => void process.stderr.write(text) };
  const first = await readLine(asker, 'Password: ', true);
  if (first === undefined) throw invalid('no password was given; nothing has changed');
  if ((await readLine(asker, 'The same once more: ', true)) !== first) throw invalid('the two passwords differ; nothing has changed');
  return first;
}

async function readAll(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text.replace(/\r?\n$/, '');
}
