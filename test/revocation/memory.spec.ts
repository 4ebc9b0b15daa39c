import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { ACCESS_TTL, ageFloors, caughtUp, feedOf, MINUTE, newUser, onServers, verdict } from '../support/instances.js';

/** Milliseconds for which a floor may outlast the access tokens that it refuses. */
const SPARE = MINUTE;

onServers('the list in memory', (instances) => {
  describe('as time passes', () => {
    let here: AuthContext;
    let elsewhere: AuthContext;
    beforeAll(async () => {
      here = await instances.start();
      elsewhere = await instances.start();
    });

    async function pass(milliseconds: number): Promise<void> {
      await ageFloors(here, milliseconds);
      for (const { clock } of [here, elsewhere]) clock.advance(milliseconds);
      await caughtUp(here, elsewhere);
    }

    it('holds a floor for one life of an access token, and then lets it go', async () => {
      const revoked = await here.service.issue(newUser([here]));
      const changed = newUser([here]);
      const stale = await here.service.issue(changed);
      await here.service.revoke(revoked.sessionId, 'logout');
      await here.service.permissionsChanged(changed.id);
      await caughtUp(here, elsewhere);
      for (const instance of [here, elsewhere]) expect(feedOf(instance).floors).toBe(2);

      await pass(ACCESS_TTL - 1);
      for (const instance of [here, elsewhere]) {
        expect(verdict(instance, revoked.accessToken)).toBe('token_revoked');
        expect(verdict(instance, stale.accessToken)).toBe('token_stale');
      }
      await pass(1);
      for (const instance of [here, elsewhere]) {
        expect(verdict(instance, revoked.accessToken)).toBe('token_expired');
        expect(verdict(instance, stale.accessToken)).toBe('token_expired');
      }
      await pass(SPARE);
      for (const instance of [here, elsewhere]) expect(feedOf(instance).floors).toBe(0);
    });

    it('does not take up again what has left it, when more sessions of the same user end', async () => {
      const user = newUser([here]);
      await Promise.all(Array.from({ length: 5 }, () => here.service.issue(user)));
      await here.service.revokeAllOfUser(user.id, 'logout_all');
      await pass(ACCESS_TTL + SPARE);
      expect(feedOf(here).floors).toBe(0);

      await here.service.issue(user);
      await here.service.revokeAllOfUser(user.id, 'logout_all');
      expect(feedOf(here).floors).toBe(1);
    });
  });

  it('is whole in an instance that starts late, before it is asked', async () => {
    const here = await instances.start();
    const user = newUser([here]);
    const ended = await Promise.all(Array.from({ length: 30 }, () => here.service.issue(user)));
    await here.service.revokeAllOfUser(user.id, 'logout_all');
    // Nearly one life of an access token ago; and one just now.
    await ageFloors(here, ACCESS_TTL - MINUTE);
    const changed = newUser([here]);
    const stale = await here.service.issue(changed);
    const untouched = await here.service.issue(newUser([here]));
    await here.service.permissionsChanged(changed.id);

    const late = await instances.start({ options: { revocation: { delay: '10m' } } });
    for (const { accessToken } of ended) expect(verdict(late, accessToken)).toBe('token_revoked');
    expect(verdict(late, stale.accessToken)).toBe('token_stale');
    expect(verdict(late, untouched.accessToken)).toBe('accepted');

    // And it keeps them no longer than the others do.
    const reading = await instances.start();
    expect(feedOf(reading).floors).toBe(feedOf(late).floors);
    await ageFloors(here, MINUTE + SPARE);
    reading.clock.advance(MINUTE + SPARE);
    await caughtUp(reading);
    expect(feedOf(reading).floors).toBe(1);
    expect(verdict(reading, stale.accessToken)).toBe('token_stale');
  });

  it('is not begun without the table: an instance that cannot read it does not start', async () => {
    const start = instances.start({ dataSource: { entityPrefix: 'no_such_' } });
    await expect(start).rejects.toThrow();
  });
});
