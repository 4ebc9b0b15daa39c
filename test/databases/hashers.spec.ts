import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryKeptDatabase } from '../support/kept-database.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const ARGON2ID = { memoryCost: 1024, timeCost: 1 };

type Hasher = 'hmac-sha256' | typeof ARGON2ID;
const forms = new Map<Hasher, RegExp>([
  ['hmac-sha256', /^[\w-]{43}$/],
  [ARGON2ID, /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/],
]);

const switches: { from: Hasher; to: Hasher }[] = [
  { from: 'hmac-sha256', to: ARGON2ID },
  { from: ARGON2ID, to: 'hmac-sha256' },
];

describe('a switch of the hasher', () => {
  onEveryKeptDatabase((restart) => {
    it.for(switches)('from $from to $to', async ({ from, to }) => {
      const before = await restart(setupWith(from));
      const live = await before.service.issue(ALICE);
      const lost = await before.service.issue(ALICE);
      const lostAnswer = await before.service.refresh(lost.refreshToken);
      const stolen = await before.service.issue(ALICE);
      await before.service.refresh(stolen.refreshToken);
      for (const { sessionId } of [live, lost]) expect(await hashOf(before, sessionId)).toMatch(forms.get(from)!);

      const after = await restart(setupWith(to));
      const successor = await after.service.refresh(live.refreshToken);
      expect(await hashOf(after, live.sessionId)).toMatch(forms.get(to)!);
      expect((await after.service.refresh(live.refreshToken)).refreshToken).toBe(successor.refreshToken);
      expect((await after.service.refresh(lost.refreshToken)).refreshToken).toBe(lostAnswer.refreshToken);
      // The root stays the same, so its hash does, too.
      const hash = await hashOf(after, live.sessionId);
      await expect(after.service.refresh(successor.refreshToken)).resolves.toBeDefined();
      expect(await hashOf(after, live.sessionId)).toBe(hash);

      after.clock.advance(10_000);
      await expect(after.service.refresh(stolen.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      expect(after.events.at(-1)).toMatchObject({ type: 'reuse_detected', sessionId: stolen.sessionId });
    });
  });
});

function setupWith(hasher: Hasher) {
  return { options: { refreshToken: { hasher, grace: '10s' } } };
}

async function hashOf({ dataSource }: AuthContext, id: string): Promise<string> {
  return (await dataSource.getRepository(RefreshToken).findOneByOrFail({ id })).tokenHash;
}
