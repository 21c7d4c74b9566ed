import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure } from '../failure.ts';

/** What `config.json` may hold, as far as this command reads it. Unknown keys are kept when the file is written. */
export interface ConfigFile {
  auths?: Record<string, { auth?: string; identitytoken?: string; username?: string; password?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  currentContext?: string;
  detachKeys?: string;
  HttpHeaders?: Record<string, string>;
  psFormat?: string;
  imagesFormat?: string;
  statsFormat?: string;
  volumesFormat?: string;
  networksFormat?: string;
  proxies?: Record<string, Record<string, string>>;
}

/** The user's settings in `~/.docker/config.json` (or `--config`, `DOCKER_CONFIG`): read at first use. */
export class Settings {
  readonly folder: string;
  #loaded: ConfigFile | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  get #path(): string {
    return path.join(this.folder, 'config.json');
  }

  get file(): ConfigFile {
    this.#loaded ??= this.#read();
    return this.#loaded;
  }

  #read(): ConfigFile {
    if (!existsSync(this.#path)) return {};
    const text = readFileSync(this.#path, 'utf8');
    if (text.trim() === '') return {};
    try {
      return JSON.parse(text) as ConfigFile;
    } catch (error) {
      throw new CommandFailure(
        `could not read the configuration file ${this.#path}: ${error instanceof Error ? error.message : error}`,
        1,
        error,
      );
    }
  }

  /** Changes the file as a whole or not at all; only its owner may read it, since it can hold passwords. */
  change(edit: (file: ConfigFile) => void): void {
    const file = this.#read();
    edit(file);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(file, null, '\t')}`, { mode: 0o600 });
    renameSync(draft, this.#path);
    this.#loaded = file;
  }
}
