import { afterAll, beforeAll, describe } from 'vitest';
import { type AuthContext, type AuthSetup, createAuthContext } from './auth-app.js';
import { type DatabaseName, databases, type TestDatabase } from './databases.js';

/** Runs the same tests on each of the databases, in one context of the library on each. */
export function onEveryDatabase(setup: AuthSetup, define: (host: () => AuthContext, name: DatabaseName) => void): void {
  for (const { name, available, create } of databases) {
    describe.skipIf(!available)(`on ${name}`, () => {
      let database: TestDatabase;
      let context: AuthContext;
      beforeAll(async () => {
        database = await create();
        context = await createAuthContext(database, setup);
      });
      afterAll(async () => {
        await context?.close();
        await database?.drop();
      });
      define(() => context, name);
    });
  }
}
