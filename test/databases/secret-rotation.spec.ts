import type { IssuedTokens } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import { onEveryKeptDatabase } from '../support/kept-database.js';

const OLD = 'old-secret-Zp2vQ7mB4nT8wL1cR6yH3jF5kX9s';
const NEW = 'new-secret-4nT8wL1cR6yH3jF5kX9sZp2vQ7mB';
const ALICE = { id: 'user-alice', roles: ['user'] };
const INVALID_GRANT = { code: 'invalid_grant' };
const USE = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };
const OTHER_USE = { idempotencyKey: 'p8VxkLr2mZ0aWb7e' };
const HOUR = 3_600_000;

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

    it('retries by key are answered across it, as often as without it', async () => {
      const before = await restart({ options: { secret: OLD } });
      const [lost, refreshed] = [await before.service.issue(ALICE), await before.service.issue(ALICE)];
      const lostAnswer = await before.service.refresh(lost.refreshToken, {}, {}, USE);
      const both = await restart({ options: { secret: [NEW, OLD] } });
      const underNew = await both.service.refresh(refreshed.refreshToken, {}, {}, USE);
      for (let times = 0; times < 3; times++) {
        both.clock.advance(HOUR);
        expect(await both.service.refresh(lost.refreshToken, {}, {}, USE)).toMatchObject(sameToken(lostAnswer));
        expect(await both.service.refresh(refreshed.refreshToken, {}, {}, USE)).toMatchObject(sameToken(underNew));
      }
      both.clock.advance(HOUR);
      for (const { refreshToken } of [lost, refreshed]) {
        await expect(both.service.refresh(refreshToken, {}, {}, USE)).rejects.toMatchObject({ code: 'superseded' });
      }
      for (const { refreshToken } of [lostAnswer, underNew]) {
        await expect(both.service.refresh(refreshToken)).resolves.toBeDefined();
      }
    });

    it('a straggler of a request that is finished ends nothing', async () => {
      const before = await restart({ options: { secret: OLD } });
      const first = await before.service.issue(ALICE);
      const second = await before.service.refresh(first.refreshToken, {}, {}, USE);
      const both = await restart({ options: { secret: [NEW, OLD] } });
      const third = await both.service.refresh(second.refreshToken, {}, {}, OTHER_USE);
      both.clock.advance(HOUR);
      await expect(both.service.refresh(first.refreshToken, {}, {}, USE)).rejects.toMatchObject({ code: 'superseded' });
      const fourth = await both.service.refresh(third.refreshToken);
      both.clock.advance(HOUR);
      // The same for one whose token the old secret has issued, and whose answer the new one.
      await expect(both.service.refresh(second.refreshToken, {}, {}, OTHER_USE)).rejects.toMatchObject({
        code: 'superseded',
      });
      await expect(both.service.refresh(fourth.refreshToken)).resolves.toBeDefined();
    });

    it('a claim accuses nobody across it, and finds who has shared a token', async () => {
      const before = await restart({ options: { secret: OLD } });
      const [owned, stolen] = [await before.service.issue(ALICE, {}, {}, {}, USE), await before.service.issue(ALICE)];
      const both = await restart({ options: { secret: [NEW, OLD] } });
      const claim = (generation: number, use: typeof USE) => ({ generation, keys: [use.idempotencyKey] });
      const next = await both.service.refresh(
        owned.refreshToken,
        {},
        {},
        {
          ...OTHER_USE,
          receivedWith: claim(0, USE),
        },
      );
      await both.service.refresh(next.refreshToken, {}, {}, { ...USE, receivedWith: claim(1, OTHER_USE) });

      const ofOwner = await both.service.refresh(stolen.refreshToken, {}, {}, USE);
      await both.service.refresh(stolen.refreshToken, {}, {}, OTHER_USE);
      const use = { idempotencyKey: 'mB4nT8wL1cR6yH3j', receivedWith: claim(1, USE) };
      await expect(both.service.refresh(ofOwner.refreshToken, {}, {}, use)).rejects.toMatchObject(INVALID_GRANT);
      expect(both.events.at(-1)).toMatchObject({ type: 'token_shared', sessionId: stolen.sessionId });
    });

    it('the database that loses the first refreshes of the new secret logs nobody out', async () => {
      const before = await restart({ options: { secret: OLD } });
      const first = await before.service.issue(ALICE);
      const second = await before.service.refresh(first.refreshToken, {}, {}, USE);
      const rows = before.dataSource.getRepository(RefreshToken);
      const lost = await rows.findOneByOrFail({ id: first.sessionId });

      const both = await restart({ options: { secret: [NEW, OLD] } });
      const third = await both.service.refresh(second.refreshToken, {}, {}, USE);
      const fourth = await both.service.refresh(third.refreshToken, {}, {}, OTHER_USE);
      await both.dataSource.getRepository(RefreshToken).update(first.sessionId, { ...lost });
      // The row names the old secret again. The token that the client has names the new one.
      const adopted = await both.service.refresh(fourth.refreshToken);
      expect(both.events).toContainEqual(expect.objectContaining({ type: 'row_rolled_back', alert: true }));
      expect(adopted).toMatchObject({ sessionId: first.sessionId, generation: 4 });
      both.clock.advance(HOUR);
      await expect(both.service.refresh(adopted.refreshToken)).resolves.toMatchObject({ generation: 5 });
    });

    it('has one successor for a token that was lost under the old secret and is made again under the new', async () => {
      const before = await restart({ options: { secret: OLD } });
      const first = await before.service.issue(ALICE);
      const rows = before.dataSource.getRepository(RefreshToken);
      const lost = await rows.findOneByOrFail({ id: first.sessionId });
      const second = await before.service.refresh(first.refreshToken);
      await rows.update(first.sessionId, { ...lost });

      const both = await restart({ options: { secret: [NEW, OLD] } });
      const again = await both.service.refresh(first.refreshToken);
      // Its spelling is another, because the name of the secret is in it. The session takes both for the live token.
      expect(again.refreshToken).not.toBe(second.refreshToken);
      const next = await both.service.refresh(second.refreshToken);
      expect(next).toMatchObject({ sessionId: first.sessionId, generation: 2 });
      expect((await both.service.refresh(again.refreshToken)).refreshToken).toBe(next.refreshToken);
      await expect(both.service.refresh(next.refreshToken)).resolves.toMatchObject({ generation: 3 });
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

function sameToken({ refreshToken }: IssuedTokens): Pick<IssuedTokens, 'refreshToken'> {
  return { refreshToken };
}
