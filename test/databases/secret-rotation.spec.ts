import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import { onEveryKeptDatabase } from '../support/kept-database.js';

const OLD = 'old-secret-Zp2vQ7mB4nT8wL1cR6yH3jF5kX9s';
const NEW = 'new-secret-4nT8wL1cR6yH3jF5kX9sZp2vQ7mB';
const ALICE = { id: 'user-alice', roles: ['user'] };
const INVALID_GRANT = { code: 'invalid_grant' };

describe('rotation of the secret', () => {
  onEveryKeptDatabase((restart) => {
    it('logs nobody out', async () => {
      const before = await restart({ options: { secret: OLD } });
      const fresh = await before.service.issue(ALICE);
      const lost = await before.service.issue(ALICE);
      const lostAnswer = await before.service.refresh(lost.refreshToken);
      const idle = await before.service.issue(ALICE);

      const both = await restart({ options: { secret: [NEW, OLD] } });
      const rotated = await both.service.refresh(fresh.refreshToken);
      // A predecessor whose successor the old secret has issued, and one whose successor comes from the new secret.
      expect((await both.service.refresh(lost.refreshToken)).refreshToken).toBe(lostAnswer.refreshToken);
      expect((await both.service.refresh(fresh.refreshToken)).refreshToken).toBe(rotated.refreshToken);
      const recovered = await both.service.refresh(lostAnswer.refreshToken);
      const signedIn = await both.service.issue(ALICE);

      const after = await restart({ options: { secret: NEW } });
      for (const { refreshToken } of [rotated, recovered, signedIn]) {
        await expect(after.service.refresh(refreshToken)).resolves.toBeDefined();
      }
      // What was never refreshed in between is refused, but not taken for reuse: it works where its secret is back.
      await expect(after.service.refresh(idle.refreshToken)).rejects.toMatchObject(INVALID_GRANT);
      const back = await restart({ options: { secret: [NEW, OLD] } });
      await expect(back.service.refresh(idle.refreshToken)).resolves.toBeDefined();
    });

    it('names in the row the secret of the live token', async () => {
      const before = await restart({ options: { secret: OLD } });
      const { sessionId, refreshToken } = await before.service.issue(ALICE);
      const both = await restart({ options: { secret: [NEW, OLD] } });
      const rows = both.dataSource.getRepository(RefreshToken);
      const { keyId: oldKeyId } = await rows.findOneByOrFail({ id: sessionId });
      await both.service.refresh(refreshToken);
      const { keyId: newKeyId } = await rows.findOneByOrFail({ id: sessionId });
      const signedIn = await both.service.issue(ALICE);
      expect(newKeyId).not.toBe(oldKeyId);
      expect(await rows.findOneByOrFail({ id: signedIn.sessionId })).toMatchObject({ keyId: newKeyId });
    });
  });
});
