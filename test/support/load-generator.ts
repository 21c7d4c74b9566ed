// A program, not a module: asks a URL again and again on several connections until its standard input ends, then tells what came of it as JSON.
//   load-generator.ts URL CONNECTIONS REQUESTS-PER-CONNECTION [NAME-SERVER]
// 0 requests per connection means that connections are kept as long as the server keeps them.
import { Resolver } from 'node:dns';
import http from 'node:http';

const [url = '', connections = '1', most = '1', nameServer] = process.argv.slice(2);
const resolver = new Resolver();
if (nameServer) resolver.setServers([nameServer]);

/** Each new connection asks for the address, as programs without a cache do. */
const lookup = (name: string, _options: unknown, done: (error: Error | null, addresses: { address: string; family: number }[]) => void) =>
  resolver.resolve4(name, (error, addresses = []) =>
    done(
      error,
      addresses.map((address) => ({ address, family: 4 })),
    ),
  );

const answers: Record<string, number> = {};
const failures: string[] = [];
let stopped = false;

function ask(agent: http.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, ...(nameServer ? { lookup: lookup as never } : {}), timeout: 10_000 }, (reply) => {
      let body = '';
      reply.setEncoding('utf8');
      reply.on('data', (chunk) => (body += chunk));
      reply.on('end', () => (reply.statusCode === 200 ? resolve(body.trim()) : reject(new Error(`status ${reply.statusCode}`))));
      reply.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.on('error', reject);
  });
}

async function work(): Promise<void> {
  while (!stopped) {
    const agent = new http.Agent({ keepAlive: Number(most) !== 1, maxSockets: 1 });
    for (let count = 0; !stopped && (Number(most) === 0 || count < Number(most)); count += 1) {
      try {
        const answer = await ask(agent);
        answers[answer] = (answers[answer] ?? 0) + 1;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        failures.push(`${new Date().toISOString()} ${code ?? ''} ${message}`);
      }
      // Enough to be continuous, and not so much that the machine of the tests does nothing else.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    agent.destroy();
  }
}

process.stdin.on('end', () => {
  stopped = true;
});
process.stdin.resume();
await Promise.all(Array.from({ length: Number(connections) }, work));
process.stdout.write(JSON.stringify({ answers, failures }));
