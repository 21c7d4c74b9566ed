import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestDaemon } from './daemon.ts';

/** As if no image had been used for a long time. The daemon must be down. */
export function ageImages(daemon: TestDaemon): void {
  const database = new DatabaseSync(path.join(daemon.root, 'data/gantry.db'));
  database.exec(`insert or replace into rows select 'image-use', id, 1, '{"at":"2020-01-01T00:00:00Z"}' from rows where kind = 'image'`);
  database.close();
}
