import { describe, expect, it } from 'vitest';
import { copySession } from '../support/copied-sessions.js';
import { onEveryDatabase } from '../support/every-database.js';

/** Below this number of rows the count is exact. */
const BOUND = 20_000;
const ALICE = { id: 'user-alice', roles: [] };

describe('the number of live sessions', () => {
  onEveryDatabase({}, (host) => {
    it('is exact in a small table, and an estimate within five percent in a larger one', async () => {
      const { service } = host();
      expect(await service.countLive()).toBe(0);
      const live = await service.issue(ALICE);
      const dead = await service.issue(ALICE);
      await service.revoke(dead.sessionId, 'logout');
      expect(await service.countLive()).toBe(1);

      await copySession(host(), live.sessionId, 9_999);
      await copySession(host(), dead.sessionId, BOUND - 10_002);
      expect(await service.countLive()).toBe(10_000);

      await copySession(host(), live.sessionId, 30_000);
      await copySession(host(), dead.sessionId, 10_000);
      const estimate = await service.countLive();
      expect(estimate).toBeGreaterThan(40_000 * 0.95);
      expect(estimate).toBeLessThan(40_000 * 1.05);
    });
  });
});
