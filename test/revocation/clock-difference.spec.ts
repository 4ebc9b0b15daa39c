import { beforeAll, expect, it } from 'vitest';
import { type AuthContext, ManualClock } from '../support/auth-app.js';
import { caughtUp, MINUTE, newUser, onServers, verdict } from '../support/instances.js';

const HOUR = 60 * MINUTE;

/** Three servers whose clocks are late, right, and early. */
const OFFSETS = [-HOUR, 0, HOUR];

onServers('instances whose clocks are an hour apart', (instances) => {
  let all: AuthContext[];
  beforeAll(async () => {
    all = [];
    for (const offset of OFFSETS) {
      const clock = new ManualClock();
      clock.advance(offset);
      // So that an access token of the first is still good by the clock of the last.
      all.push(await instances.start({ clock, options: { accessToken: { ttl: '4h' } } }));
    }
  });

  it.for(OFFSETS.map((offset, index) => ({ hours: offset / HOUR, index })))(
    'learn at once of what the one at $hours h has ended',
    async ({ index }) => {
      const here = all[index];
      const user = newUser(all);
      const spared = await here.service.issue(newUser(all));
      const ended = await here.service.issue(user);
      await here.service.revoke(ended.sessionId, 'logout');
      const changed = await here.service.issue(user);
      await here.service.permissionsChanged(user.id);

      await caughtUp(...all);
      for (const instance of all) {
        expect(verdict(instance, ended.accessToken)).toBe('token_revoked');
        expect(verdict(instance, changed.accessToken)).toBe('token_stale');
        expect(verdict(instance, spared.accessToken)).toBe('accepted');
      }
    },
  );

  it('end, and change, sessions that another of them has begun', async () => {
    for (const [begins, ends] of [all, all.toReversed()]) {
      const { sessionId, accessToken } = await begins.service.issue(newUser(all));
      await ends.service.revoke(sessionId, 'logout');
      await caughtUp(...all);
      for (const instance of all) expect(verdict(instance, accessToken)).toBe('token_revoked');
    }
  });
});
