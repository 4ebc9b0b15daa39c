import { randomUUID } from 'node:crypto';
import type { IssuedTokens } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext, ManualClock } from '../support/auth-app.js';
import type { TestDatabase } from '../support/databases.js';
import { recordStatements } from '../support/recorded-statements.js';
import { serverDatabases } from '../support/two-servers.js';

const ROUNDS = 2;
const ROWS_OF_EACH_KIND = 400;
const BATCH = 100;
const LIVE = 10;
const ALICE = { id: 'user-alice', roles: ['user'] };
const BOB = { id: 'user-bob' };

const DAY = 86_400_000;
const RETENTION = DAY;
const IDLE_TTL = 7 * DAY;
const clock = new ManualClock();
const now = clock.now();

type Times = Partial<Pick<RefreshToken, 'expiresAt' | 'lastUsedAt' | 'revokedAt'>>;
const DEAD: Times[] = [
  { expiresAt: now - RETENTION },
  { lastUsedAt: now - RETENTION - IDLE_TTL },
  { revokedAt: now - RETENTION },
];
const KEPT: Times[] = [
  { expiresAt: now - RETENTION + 1 },
  { lastUsedAt: now - RETENTION - IDLE_TTL + 1 },
  { revokedAt: now - RETENTION + 1 },
  {},
];

for (const { name, available, create } of serverDatabases) {
  describe.skipIf(!available)(`two instances that purge at once, on ${name}`, () => {
    let database: TestDatabase;
    let instances: AuthContext[];

    beforeAll(async () => {
      database = await create();
      const setup = {
        clock,
        options: {
          refreshToken: { idleTtl: '7d', grace: '60s' },
          purge: { interval: '0s', retention: '1d', batchSize: BATCH },
        },
      };
      instances = [await createAuthContext(database, setup), await createAuthContext(database, setup)];
    });
    afterAll(async () => {
      for (const instance of instances ?? []) await instance.close();
      await database?.drop();
    });

    it('remove every dead row and no other, in bounded batches, and disturb nobody', async () => {
      const rows = instances[0].dataSource.getRepository(RefreshToken);
      for (let round = 0; round < ROUNDS; round++) {
        const dead = rowsOf(DEAD);
        const kept = rowsOf(KEPT);
        // A statement takes a limited number of parameters.
        await rows.save([...dead, ...kept], { chunk: 500, reload: false });

        const statements = recordStatements(instances.map(({ dataSource }) => dataSource));
        let purging = true;
        const traffic = instances.map((instance) => keepBusy(instance.service, () => purging));
        const removed = await Promise.all(instances.map(({ service }) => service.purge())).finally(
          () => (purging = false),
        );
        const live = (await Promise.all(traffic)).flat();

        expect(removed[0] + removed[1]).toBe(dead.length);
        const deletions = statements.stop().filter(({ sql }) => sql.startsWith('DELETE'));
        expect(deletions.reduce((sum, { rows: deleted }) => sum + deleted, 0)).toBe(dead.length);
        expect(Math.max(...deletions.map(({ rows: deleted }) => deleted))).toBeLessThanOrEqual(BATCH);

        const untouched = await rows.findBy({ userId: BOB.id });
        expect(new Map(untouched.map((row) => [row.id, row]))).toEqual(new Map(kept.map((row) => [row.id, row])));
        await Promise.all(live.map(({ refreshToken }) => instances[0].service.refresh(refreshToken)));
        expect(await rows.count()).toBe(kept.length + live.length);
        await rows.clear();
      }
    });
  });
}

/** Signs in and refreshes for as long as it lasts. Returns the live tokens, the last of each session. */
async function keepBusy(service: AuthContext['service'], goOn: () => boolean): Promise<IssuedTokens[]> {
  const chains = Array.from({ length: LIVE }, async () => {
    let tokens = await service.issue(ALICE);
    while (goOn()) tokens = await service.refresh(tokens.refreshToken);
    return tokens;
  });
  const logins: IssuedTokens[] = [];
  while (goOn()) logins.push(await service.issue(ALICE));
  return [...(await Promise.all(chains)), ...logins];
}

function rowsOf(kinds: Times[]): RefreshToken[] {
  return kinds.flatMap((times) => Array.from({ length: ROWS_OF_EACH_KIND }, () => rowOf(times)));
}

function rowOf(times: Times): RefreshToken {
  return {
    id: randomUUID(),
    userId: BOB.id,
    clientId: 'default',
    deviceName: null,
    tags: null,
    metadata: null,
    deviceHash: null,
    scope: '',
    persistent: null,
    idleTtl: null,
    accessTokenTtl: null,
    amr: null,
    acr: null,
    actor: null,
    actorName: null,
    actorSessionId: null,
    transport: 'body',
    generation: 3,
    tokenHash: 'hash',
    keyId: 'key',
    seed: 'seed',
    given: null,
    givenBefore: null,
    listsVersion: 0,
    windowGeneration: 0,
    windowStartedAt: now,
    lateAnswersAt: 0,
    repeatedGeneration: 0,
    repeatedInARow: 0,
    accessFloor: 0,
    floorRaisedAt: null,
    dpopThumbprint: null,
    certificateThumbprint: null,
    clientNonceHash: null,
    credentialsHash: null,
    fingerprint: null,
    createdAt: now - 20 * DAY,
    lastUsedAt: now,
    expiresAt: now + DAY,
    revokedAt: null,
    revokedReason: null,
    ip: null,
    userAgent: null,
    country: null,
    asn: null,
    location: null,
    rateStartedAt: 0,
    rateCount: 0,
    authTime: 0,
    ...times,
  };
}
