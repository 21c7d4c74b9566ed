import { invalid, isKind } from '../../../base/index.ts';
import type { Disk } from '../../../disk/index.ts';
import type { Engine, Explanation } from '../../../engine/index.ts';
import { type AddRoute, type Parts, text } from '../call.ts';

/**
 * Ours: why a container, a network or the disk is in the state it is in. A container goes before a network of its name; one that is called `disk`
 * is `/disk` here.
 */
export function whyRoutes(add: AddRoute, { engine }: Parts, disk: Disk): void {
  add('GET', '/gantry/why', async (call) => {
    const name = text(call, 'name');
    if (name === undefined) throw invalid('the query parameter name must be given');
    call.exchange.sendJson(200, name === 'disk' ? await disk.why() : await whyOf(engine, name));
  });
}

async function whyOf({ containers, networkUse }: Engine, name: string): Promise<Explanation> {
  try {
    return await containers.why(name);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
    try {
      return networkUse.why(name);
    } catch (second) {
      throw isKind(second, 'notFound') ? error : second;
    }
  }
}
