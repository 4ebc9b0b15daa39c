import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthUser } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../support/every-database.js';
import { recordStatements } from '../support/recorded-statements.js';

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'] };
const PARALLEL = 50;
/** A list with more uses than this has overflowed. */
const MOST_USES = 16;
const ENTRY = 16;

const keyed = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ idempotencyKey: `key-of-a-use-${index}` }));

describe('parallel repeats of one session', () => {
  onEveryDatabase({}, (host) => {
    const refreshAtOnce = async (token: string, count: number) => {
      const recording = recordStatements([host().dataSource]);
      const answers = await Promise.all(keyed(count).map((use) => host().service.refresh(token, {}, {}, use)));
      const updates = recording.stop().filter(({ sql }) => sql.startsWith('UPDATE'));
      return { answers, updates };
    };
    const listOf = async (id: string) =>
      (await host().dataSource.getRepository(RefreshToken).findOneByOrFail({ id })).given!;

    it(`50 parallel repeats of one session are written together`, async () => {
      const { service, events } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      const live = await service.refresh(refreshToken);
      const before = events.length;
      const { answers, updates } = await refreshAtOnce(refreshToken, PARALLEL);

      expect(new Set(answers.map((answer) => answer.refreshToken))).toEqual(new Set([live.refreshToken]));
      // Sessions are read 16 at a time, so at most four groups of them ask with different versions of the row.
      expect(updates.length).toBeLessThanOrEqual(4);
      expect(await listOf(sessionId)).toHaveLength((MOST_USES + 1) * ENTRY);
      // One alert for all: their list has overflowed.
      const told = events.slice(before).filter(({ type }) => type === 'refresh_repeated');
      expect(told).toHaveLength(PARALLEL);
      expect(told.filter(({ reasons }) => reasons?.includes('uses_overflowed'))).toHaveLength(1);
    });

    it('each of them is entered', async () => {
      const { service, clock } = host();
      const { sessionId, refreshToken } = await service.issue(ALICE);
      const { refreshToken: live } = await service.refresh(refreshToken, {}, {}, keyed(1)[0]);
      await refreshAtOnce(refreshToken, MOST_USES);
      expect(await listOf(sessionId)).toHaveLength(MOST_USES * ENTRY);
      for (const use of keyed(MOST_USES)) {
        clock.advance(60_000);
        expect((await service.refresh(refreshToken, {}, {}, use)).refreshToken).toBe(live);
      }
    });

    it(`50 at once with the live token: all get its one successor`, async () => {
      const { service } = host();
      const { refreshToken } = await service.issue(ALICE);
      const { answers } = await refreshAtOnce(refreshToken, PARALLEL);
      expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
      await expect(service.refresh(answers[0].refreshToken)).resolves.toBeDefined();
    });

    it('all are answered where loading the user takes longer for some than for others', async () => {
      const { service, users } = host();
      const { loadUser } = users;
      let asked = 0;
      users.loadUser = async (id) => {
        await sleep(5 + ((++asked * 37) % 61));
        return loadUser(id);
      };
      try {
        for (let round = 0; round < 5; round++) {
          const { refreshToken, sessionId } = await service.issue(ALICE);
          const { answers } = await refreshAtOnce(refreshToken, MOST_USES);
          expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
          expect(await listOf(sessionId)).toHaveLength(MOST_USES * ENTRY);
        }
        // The sign-ins ask once, and so does a refresh, unless another one has rotated the token meanwhile.
        expect(asked).toBeLessThanOrEqual(5 * (1 + 2 * MOST_USES));
      } finally {
        users.loadUser = loadUser;
      }
    });
  });
});
