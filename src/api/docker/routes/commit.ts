import { invalid } from '../../../base/index.ts';
import { type AddRoute, flag, type Parts, text } from '../call.ts';
import { referenceOf } from './image-transfer.ts';

/** `POST /commit`: an image of what a container changed. */
export function commitRoutes(add: AddRoute, parts: Parts): void {
  add('POST', '/commit', async (call) => {
    const container = text(call, 'container');
    if (container === undefined) throw invalid('invalid name or ID supplied: ""');
    const repository = text(call, 'repo');
    const config = await call.exchange.json();
    const { id } = await parts.engine.containers.commit(container, {
      author: text(call, 'author') ?? '',
      message: text(call, 'comment') ?? '',
      pause: flag(call, 'pause', true),
      changes: call.query.getAll('changes'),
      version: parts.build.version,
      signal: call.exchange.signal,
      ...(repository === undefined ? {} : { name: referenceOf(repository, text(call, 'tag')) }),
      ...(config ? { config } : {}),
    });
    call.exchange.sendJson(201, { Id: id });
  });
}
