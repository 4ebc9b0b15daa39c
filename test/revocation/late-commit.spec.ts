import { beforeAll, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { caughtUp, type Instances, newUser, onServers, verdict } from '../support/instances.js';
import { lockSessions } from '../support/row-lock.js';
import { eventually } from '../support/eventually.js';

/**
 * Milliseconds: longer than the ten seconds that an instance looks back. The readings of `elsewhere` are a second apart, and
 * only every thirtieth is one of the whole list, which would find the late ones too.
 */
const HELD = 12_000;
const DELAY = '2s';

onServers('a revocation that had to wait for another transaction', define, { concurrent: true });

function define(instances: Instances): void {
  let here: AuthContext;
  let limited: AuthContext;
  beforeAll(async () => {
    here = await instances.start();
    limited = await instances.start({
      options: { refreshToken: { maxSessionsPerUser: 1, onTooManySessions: 'end_oldest' } },
    });
  });

  it.sequential('is known elsewhere within the delay after it has returned', async () => {
    const one = newUser([here, limited]);
    const every = newUser([here, limited]);
    const changed = newUser([here, limited]);
    const displaced = newUser([here, limited]);
    const begin = async (user: typeof one) => {
      here.clock.advance(1); // so that one session is older than the other
      return here.service.issue(user);
    };
    const ended = await begin(one);
    const all = [await begin(every), await begin(every)];
    const stale = await begin(changed);
    // Of those that make room, the first is revoked at once, and only then does the second have to wait.
    const makingRoom = [await begin(displaced), await begin(displaced)];
    limited.clock.advance(1_000);

    // Started last, so that none of its readings is one of the whole list until the end of the test.
    const elsewhere = await instances.start({ options: { revocation: { delay: DELAY } } });
    const startedAt = performance.now();
    const waiting = [ended, all[1], stale, makingRoom[1]];
    const lock = await lockSessions(
      instances.database,
      waiting.map(({ sessionId }) => sessionId),
    );
    const settled = Promise.all([
      here.service.revoke(ended.sessionId, 'logout'),
      here.service.revokeAllOfUser(every.id, 'logout_all'),
      here.service.permissionsChanged(changed.id),
      limited.service.issue(displaced),
    ]);
    await lock.awaited(waiting.length);
    await new Promise((resolve) => setTimeout(resolve, HELD));
    await lock.release();
    await settled;

    await caughtUp(elsewhere);
    expect(performance.now() - startedAt, 'a reading of the whole list may have come in between').toBeLessThan(29_000);
    const verdicts = (sessions: { accessToken: string }[]) =>
      sessions.map(({ accessToken }) => verdict(elsewhere, accessToken));
    expect(verdicts([ended]), 'one session').toEqual(['token_revoked']);
    expect(verdicts(all), 'all of a user').toEqual(['token_revoked', 'token_revoked']);
    expect(verdicts([stale]), 'permissions').toEqual(['token_stale']);
    expect(verdicts(makingRoom), 'by the limit').toEqual(['token_revoked', 'token_revoked']);
  });

  it.sequential(
    'is known elsewhere in the end, also where its instance died before it could stamp it anew',
    async () => {
      const { accessToken, sessionId } = await here.service.issue(newUser([here]));
      const elsewhere = await instances.start();
      await caughtUp(elsewhere);
      const now = instances.kind.name === 'postgres' ? 'EXTRACT(EPOCH FROM now())' : 'UNIX_TIMESTAMP()';
      await here.dataSource.query(
        `UPDATE refresh_tokens SET revoked_at = 1, access_floor = 4294967296,
         floor_raised_at = FLOOR(${now}) * 1000 - ${2 * HELD} WHERE id = '${sessionId}'`,
      );
      await eventually(() => expect(verdict(elsewhere, accessToken)).toBe('token_revoked'), { limit: 20_000 });
    },
  );
}
