import type { IssuedTokens } from 'nestjs-refresh-token';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';
import { caughtUp, newUser, onServers, verdict } from '../support/instances.js';
import { claimsOf } from '../support/listening.js';

/** Milliseconds; a floor counts whole seconds of the database. */
const SECOND = 1_000;

/** Milliseconds after which no request is left that has read a row before a floor was raised. */
const LONGEST_REQUEST = 20_000;

/** Takes a copy of a row. The returned function writes the copy back, as a failover to an old replica would. */
async function copyOf({ dataSource }: AuthContext, { sessionId: id }: IssuedTokens): Promise<() => Promise<unknown>> {
  const rows = dataSource.getRepository(RefreshToken);
  const copy = await rows.findOneByOrFail({ id });
  return () => rows.update({ id }, copy);
}

/** Refreshes, one time after another. */
async function refreshes(context: AuthContext, first: IssuedTokens, count: number): Promise<IssuedTokens[]> {
  const tokens = [first];
  for (let done = 0; done < count; done++) tokens.push(await context.service.refresh(tokens.at(-1)!.refreshToken));
  return tokens.slice(1);
}

const generationIn = ({ accessToken }: IssuedTokens) => claimsOf(accessToken).gen as number;

describe('a floor that is raised after the database has lost commits', () => {
  onEveryDatabase({}, (host) => {
    it('refuses the access tokens of the generations that were lost', async () => {
      const user = newUser([host()]);
      const first = await host().service.issue(user);
      const rollBack = await copyOf(host(), first);
      const later = await refreshes(host(), first, 4);
      await rollBack();

      await host().service.permissionsChanged(user.id);
      for (const { accessToken } of later) expect(verdict(host(), accessToken)).toBe('token_stale');
      const healed = await host().service.refresh(first.refreshToken);
      expect(verdict(host(), healed.accessToken)).toBe('accepted');
    });

    it('refuses the access tokens that were minted above an earlier floor, which was lost too', async () => {
      const user = newUser([host()]);
      const first = await host().service.issue(user);
      const rollBack = await copyOf(host(), first);
      await host().service.permissionsChanged(user.id);
      const later = await refreshes(host(), first, 2);
      for (const { accessToken } of later) expect(verdict(host(), accessToken)).toBe('accepted');
      await rollBack();

      await new Promise((resolve) => setTimeout(resolve, SECOND + 100));
      await host().service.permissionsChanged(user.id);
      for (const { accessToken } of later) expect(verdict(host(), accessToken)).toBe('token_stale');
      const healed = await host().service.refresh(first.refreshToken);
      expect(verdict(host(), healed.accessToken)).toBe('accepted');
    });

    it('is above each floor before it, also within one second', async () => {
      const user = newUser([host()]);
      let live = await host().service.issue(user);
      for (let change = 0; change < 3; change++) {
        await host().service.permissionsChanged(user.id);
        expect(verdict(host(), live.accessToken)).toBe('token_stale');
        live = await host().service.refresh(live.refreshToken);
        expect(verdict(host(), live.accessToken)).toBe('accepted');
      }
    });
  });
});

describe('the claim gen', () => {
  onEveryDatabase({}, (host) => {
    it('is the generation of the session until a floor is raised, and never below the floor after that', async () => {
      const user = newUser([host()]);
      const first = await host().service.issue(user);
      const before = await refreshes(host(), first, 3);
      expect([first, ...before].map(generationIn)).toEqual([0, 1, 2, 3]);

      const raisedAt = Math.floor(Date.now() / 1000);
      await host().service.permissionsChanged(user.id);
      const { accessFloor } = await host()
        .dataSource.getRepository(RefreshToken)
        .findOneByOrFail({ id: first.sessionId });
      // A tolerance of a minute between the clocks of this process and of the database.
      expect(Math.abs(accessFloor - raisedAt)).toBeLessThan(60);
      const after = await refreshes(host(), before.at(-1)!, 3);
      expect(after.map(generationIn)).toEqual([accessFloor, accessFloor, accessFloor]);
    });
  });
});

onServers('a floor that the table has lost, and the instances remember', (instances) => {
  let here: AuthContext;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.start();
    elsewhere = await instances.start();
  });

  it('still refuses the old access tokens, and soon accepts those of a refresh', async () => {
    const user = newUser([here, elsewhere]);
    const first = await here.service.issue(user);
    const rollBack = await copyOf(here, first);
    await here.service.permissionsChanged(user.id);
    await caughtUp(elsewhere);
    await rollBack();

    for (const { clock } of [here, elsewhere]) clock.advance(LONGEST_REQUEST);
    const healed = await elsewhere.service.refresh(first.refreshToken);
    await caughtUp(here, elsewhere);
    for (const instance of [here, elsewhere]) {
      expect(verdict(instance, first.accessToken)).toBe('token_stale');
      expect(verdict(instance, healed.accessToken)).toBe('accepted');
    }
  });

  it('does not let an access token pass whose roles may have been loaded before the floor was raised', async () => {
    const user = newUser([here, elsewhere]);
    const { refreshToken } = await here.service.issue(user);
    // A retry writes nothing. So only the floors that the instance remembers can refuse its access token.
    const retry = () => here.service.refresh(refreshToken, {}, {}, { idempotencyKey: 'uQ3nT0kq9o2dJc5w' });
    await retry();
    const { users } = here;
    const { loadUser } = users;
    users.loadUser = async (id) => {
      users.loadUser = loadUser;
      const found = await loadUser(id);
      await elsewhere.service.permissionsChanged(user.id);
      await caughtUp(here);
      return found;
    };
    const { accessToken } = await retry();
    for (const instance of [here, elsewhere]) expect(verdict(instance, accessToken)).toBe('token_stale');
  });
});
