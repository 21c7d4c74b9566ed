import { type EngineClient, EngineRefusal } from '../../client/index.ts';
import { containerPath, filtersQuery } from '../../commands/each.ts';
import type { Observed } from '../plan/observed.ts';
import { LABELS } from './labels.ts';

/** The parts of a container's inspection that are used here. */
export interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: { readonly Tty: boolean; readonly Labels: Readonly<Record<string, string>> | null };
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly Error: string;
    readonly OOMKilled: boolean;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string; readonly Log: readonly { readonly ExitCode: number; readonly Output: string }[] | null };
  };
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string; readonly Destination: string; readonly RW: boolean }[] | null;
}

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[] | null;
  readonly Image: string;
  readonly ImageID: string;
  readonly State: string;
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface Place {
  readonly Role: Observed['role'];
  readonly Connections: number;
}

const isStatus = (error: unknown, ...statuses: number[]) => error instanceof EngineRefusal && statuses.includes(error.status);
const NOT_FOUND = 404;
const NOT_MODIFIED = 304;

/** The calls of the engine's API that Compose needs, by their meaning. */
export class Api {
  readonly client: EngineClient;
  #handsOver: boolean | undefined;

  constructor(client: EngineClient) {
    this.client = client;
  }

  /** The containers of a project, with their places in updates that did not end. */
  async containers(project: string): Promise<Observed[]> {
    const list = await this.client.json<Listed[]>('GET', '/containers/json', {
      query: { all: true, filters: filtersQuery([], { label: [`${LABELS.project}=${project}`] }) },
    });
    return await Promise.all(
      list.map(async (one) => observedOf(one, one.State === 'running' ? ((await this.place(one.Id))?.Role ?? 'serving') : 'serving')),
    );
  }

  /** Undefined for an engine without this, and for a container that is gone. */
  async place(id: string): Promise<Place | undefined> {
    if (this.#handsOver === false) return undefined;
    try {
      const place = await this.client.json<Place>('GET', `/gantry/containers/${id}/hand-over`);
      this.#handsOver = true;
      return place;
    } catch (error) {
      if (!isStatus(error, NOT_FOUND)) throw error;
      if (error instanceof EngineRefusal && !/no such container/i.test(error.reason)) this.#handsOver = false;
      return undefined;
    }
  }

  async canHandOver(anyContainer: string): Promise<boolean> {
    if (this.#handsOver === undefined) await this.place(anyContainer);
    return this.#handsOver === true;
  }

  standBy(id: string, old?: string): Promise<unknown> {
    return this.client.text('POST', `/gantry/containers/${id}/stand-by`, { query: { for: old } });
  }

  standDown(id: string): Promise<unknown> {
    return this.client.text('POST', `/gantry/containers/${id}/stand-down`);
  }

  takeOver(id: string): Promise<unknown> {
    return this.#unlessDone(this.client.text('POST', `/gantry/containers/${id}/take-over`));
  }

  inspect(id: string): Promise<Inspected> {
    return this.client.json<Inspected>('GET', containerPath(id, '/json'));
  }

  async find(id: string): Promise<Inspected | undefined> {
    return await this.#orNothing(this.inspect(id));
  }

  async create(name: string, body: unknown, platform: string | undefined): Promise<{ id: string; warnings: readonly string[] }> {
    const made = await this.client.json<{ Id: string; Warnings: readonly string[] | null }>('POST', '/containers/create', {
      query: { name, platform },
      body,
    });
    return { id: made.Id, warnings: made.Warnings ?? [] };
  }

  start(id: string): Promise<unknown> {
    return this.#unlessDone(this.client.text('POST', containerPath(id, '/start')));
  }

  /** `timeout` in seconds; undefined leaves it to the container. */
  stop(id: string, timeout?: number, signal?: string): Promise<unknown> {
    return this.#unlessDone(this.client.text('POST', containerPath(id, '/stop'), { query: { t: timeout, signal } }));
  }

  restart(id: string, timeout?: number): Promise<unknown> {
    return this.client.text('POST', containerPath(id, '/restart'), { query: { t: timeout } });
  }

  kill(id: string, signal: string): Promise<unknown> {
    return this.client.text('POST', containerPath(id, '/kill'), { query: { signal } });
  }

  remove(id: string, options: { volumes: boolean; force?: boolean }): Promise<unknown> {
    return this.#orNothing(this.client.text('DELETE', containerPath(id), { query: { v: options.volumes, force: options.force } }));
  }

  rename(id: string, name: string): Promise<unknown> {
    return this.client.text('POST', containerPath(id, '/rename'), { query: { name } });
  }

  /** The last lines that a container wrote, without frames. */
  async lastLines(id: string, count: number): Promise<string> {
    const { copyOutput } = await import('../../client/index.ts');
    const { Config } = await this.inspect(id);
    const reply = await this.client.stream('GET', containerPath(id, '/logs'), { query: { stdout: true, stderr: true, tail: count } });
    const chunks: Buffer[] = [];
    const keep = (data: Buffer) => void chunks.push(data);
    await copyOutput(reply, !Config.Tty, { stdout: keep, stderr: keep });
    return Buffer.concat(chunks).toString('utf8').trimEnd();
  }

  async imageId(name: string): Promise<string | undefined> {
    const { imagePath } = await import('../../commands/each.ts');
    return (await this.#orNothing(this.client.json<{ Id: string }>('GET', imagePath(name, '/json'))))?.Id;
  }

  async #orNothing<T>(reply: Promise<T>): Promise<T | undefined> {
    try {
      return await reply;
    } catch (error) {
      if (isStatus(error, NOT_FOUND)) return undefined;
      throw error;
    }
  }

  async #unlessDone(reply: Promise<unknown>): Promise<void> {
    try {
      await reply;
    } catch (error) {
      if (!isStatus(error, NOT_MODIFIED)) throw error;
    }
  }
}

function observedOf({ Id, Names, Image, ImageID, State, Status, Labels }: Listed, role: Observed['role']): Observed {
  const labels = Labels ?? {};
  return {
    id: Id,
    name: (Names?.[0] ?? '').replace(/^\//, ''),
    service: labels[LABELS.service] ?? '',
    number: Number(labels[LABELS.number] ?? 0),
    oneOff: labels[LABELS.oneOff] === 'True',
    state: State,
    status: Status,
    image: Image,
    imageId: ImageID,
    labels,
    replaces: labels[LABELS.replace] || undefined,
    role,
  };
}
