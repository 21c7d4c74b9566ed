import assert from 'node:assert/strict';
import type { Reply } from './engine-client.ts';

/** Lines that the daemon writes when something failed that should have been refused. */
export const LOG_OF_FAILURES = /unhandled|a request failed|a request was not answered/i;

/** What must never reach a client: places in our source, paths of descriptors, words of the language. */
const INTERNALS =
  /\.ts\b|node:internal|\/proc\/self\/fd|Cannot (read|destructure|convert)|is not (a function|iterable)|\[object |suppressed/;

const messageOf = (reply: Reply) => (JSON.parse(reply.body.toString()) as { message: string }).message;

/** Status 4xx with a sentence, which tells nothing of our insides. `words` must be in it. */
export function assertRefused(reply: Reply, what: string, words?: RegExp): void {
  const shown = `${what}: ${reply.status} ${reply.body.toString().slice(0, 300)}`;
  assert.ok(reply.status >= 400 && reply.status < 500, shown);
  if (reply.body.length === 0) return;
  assert.match(messageOf(reply), /\w+ \w+/, shown);
  assert.doesNotMatch(messageOf(reply), INTERNALS, shown);
  if (words) assert.match(messageOf(reply), words, shown);
}
