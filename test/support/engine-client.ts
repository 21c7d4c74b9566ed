import { request } from 'node:http';

export interface Reply {
  status: number;
  body: Buffer;
}

/** A bare client of the Docker Engine API over a unix socket, for tests that need more control than the CLI gives. */
export class EngineClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Resolves with whatever status came; rejects when the connection broke (such as when the daemon was killed). */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const raw = body instanceof Uint8Array;
    const payload = body === undefined ? undefined : raw ? body : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const req = request(
        {
          socketPath: this.socketPath,
          method,
          path,
          agent: false,
          headers: {
            host: 'test',
            ...(payload
              ? { 'content-type': raw ? 'application/x-tar' : 'application/json', 'content-length': String(payload.length) }
              : {}),
            ...headers,
          },
        },
        (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks) }));
          res.on('error', reject);
          res.on('aborted', () => reject(new Error('the connection broke')));
        },
      );
      req.on('error', reject);
      req.end(payload);
    });
  }

  /** The JSON of a successful reply; anything else is an error that shows the reply. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.body.toString().slice(0, 400)}`);
    return (reply.body.length === 0 ? undefined : JSON.parse(reply.body.toString())) as T;
  }
}

export interface InspectedContainer {
  Id: string;
  Name: string;
  Config: { Labels: Record<string, string> | null };
  State: {
    Status: string;
    Running: boolean;
    Pid: number;
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
    OOMKilled: boolean;
    Error: string;
  };
  RestartCount: number;
  Mounts: { Type: string; Name?: string }[];
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    Networks: Record<string, { IPAddress: string; Gateway: string }>;
    /** File of its network namespace. */
    SandboxKey: string;
  };
}
