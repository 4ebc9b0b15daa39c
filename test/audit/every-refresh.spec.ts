import { AuthEventLog, Clock } from 'nestjs-refresh-token';
import { AuthEventRecord } from 'nestjs-refresh-token/typeorm';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const SESSIONS = 16;
const REFRESHES_OF_EACH = 625;

it(
  'ten thousand refreshes on PostgreSQL leave ten thousand events, after an orderly stop',
  { timeout: 240_000 },
  async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const audit = { store: true, stopTimeout: '60s' };
    const host = await createAuthContext(database, { clock: new Clock(), options: { audit } });
    const sessions = await Promise.all(
      Array.from({ length: SESSIONS }, () => host.service.issue({ id: 'user-alice', roles: ['user'] })),
    );
    await Promise.all(
      sessions.map(async ({ refreshToken }) => {
        let token = refreshToken;
        for (let count = 0; count < REFRESHES_OF_EACH; count++)
          token = (await host.service.refresh(token)).refreshToken;
      }),
    );
    expect(host.module.get(AuthEventLog).status.lost).toBe(0);
    await host.close(); // no wait in between: what is still queued is written now

    const again = await createAuthContext(database, { options: { audit } });
    onTestFinished(() => again.close());
    const records = again.dataSource.getRepository(AuthEventRecord);
    expect(await records.countBy({ type: 'refreshed' })).toBe(SESSIONS * REFRESHES_OF_EACH);
    for (const { sessionId } of sessions) {
      const ofSession = await records.find({ where: { sessionId, type: 'refreshed' }, order: { id: 'ASC' } });
      const generations = ofSession.map(({ generation }) => generation);
      expect(generations).toEqual(Array.from({ length: REFRESHES_OF_EACH }, (_, index) => index + 1));
    }
  },
);
