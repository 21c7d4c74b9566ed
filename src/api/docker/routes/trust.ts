import { invalid } from '../../../base/index.ts';
import { type AddRoute, type Parts, text } from '../call.ts';
import { decodeRegistryAuth } from '../decode/registry-auth.ts';

/** Gantry's own: what the trust policy makes of an image that might be pulled. */
export function trustRoutes(add: AddRoute, parts: Parts): void {
  add('GET', '/gantry/trust', async (call) => {
    const name = text(call, 'name');
    if (name === undefined) throw invalid('the query parameter name must be given');
    const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
    const report = await parts.engine.images.judge(name, { signal: call.exchange.signal, ...(credentials ? { credentials } : {}) });
    call.exchange.sendJson(200, report);
  });
}
