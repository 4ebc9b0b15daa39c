import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { afterAll, beforeAll, describe } from 'vitest';
import { type AuthContext, type AuthSetup, createAuthContext, ManualClock } from '../support/auth-app.js';
import { copyStartedPglite } from '../support/pglite-template.js';
import { type DatabaseName, databases, type TestDatabase } from '../support/databases.js';

/** Ends the context that runs, and begins another on the same database. */
export type Restart = (setup: AuthSetup) => Promise<AuthContext>;

/** Runs the same tests on each of the databases, which stays as it is while the library is restarted. */
export function onEveryKeptDatabase(define: (restart: Restart) => void): void {
  for (const { name, available, create } of databases) {
    describe.skipIf(!available)(`on ${name}`, () => {
      const clock = new ManualClock();
      let folder: string;
      let database: TestDatabase;
      let running: AuthContext | undefined;

      const restart: Restart = async (setup) => {
        await running?.close();
        running = undefined;
        // A start that fails is not to be tried again for half a minute, as Nest would.
        const once: object = { retryAttempts: 0, ...inFolder(name, folder), ...setup.dataSource };
        running = await createAuthContext(database, { clock, ...setup, dataSource: once });
        return running;
      };

      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'kept-database-'));
        database = await create();
        if (name === 'pglite') await copyStartedPglite(join(folder, 'pglite'));
      });
      afterAll(async () => {
        await running?.close();
        await database?.drop();
        await rm(folder, { recursive: true, force: true });
      });

      define(restart);
    });
  }
}

/** The embedded databases of the tests are otherwise gone when their data source is destroyed. */
function inFolder(name: DatabaseName, folder: string): object {
  switch (name) {
    case 'pglite':
      return pgliteDataSourceOptions({ dataDir: join(folder, 'pglite') });
    case 'sqljs':
      return { location: join(folder, 'sqljs'), autoSave: true };
    case 'postgres':
    case 'mariadb':
      return {};
  }
}
