import { AccessTokenService } from 'nestjs-refresh-token';
import { beforeAll, expect, it } from 'vitest';
import type { AuthApp, AuthContext } from '../support/auth-app.js';
import { bearer, refresh, send } from '../support/http.js';
import { caughtUp, newUser, onServers, reasonOf, verdict } from '../support/instances.js';

onServers('a change of permissions', (instances) => {
  let here: AuthApp;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.listen();
    elsewhere = await instances.start();
  });

  const rolesIn = (accessToken: string) => elsewhere.module.get(AccessTokenService).verify(accessToken).roles;

  it('makes every access token of the user stale; one refresh each brings the new roles', async () => {
    const user = newUser([here, elsewhere], { roles: ['user', 'admin'] });
    const stranger = await here.service.issue(newUser([here, elsewhere]));
    const phone = await here.service.issue(user);
    const laptop = await here.service.refresh((await here.service.issue(user)).refreshToken);
    expect(rolesIn(phone.accessToken)).toEqual(['user', 'admin']);

    setRoles(user.id, ['user']);
    expect(await here.service.permissionsChanged(user.id)).toBe(2);

    for (const { accessToken } of [phone, laptop]) expect(verdict(here, accessToken)).toBe('token_stale');
    await caughtUp(elsewhere);
    for (const { accessToken } of [phone, laptop]) expect(verdict(elsewhere, accessToken)).toBe('token_stale');
    for (const instance of [here, elsewhere]) expect(verdict(instance, stranger.accessToken)).toBe('accepted');

    for (const { refreshToken, sessionId } of [phone, laptop]) {
      const healed = await elsewhere.service.refresh(refreshToken);
      expect(healed.sessionId).toBe(sessionId);
      expect(verdict(here, healed.accessToken)).toBe('accepted');
      expect(rolesIn(healed.accessToken)).toEqual(['user']);
      expect(await reasonOf(here, sessionId)).toBeNull();
    }
    await caughtUp(here, elsewhere);
    expect(await here.service.list(user.id)).toHaveLength(2);
  });

  it('may come again and again', async () => {
    const user = newUser([here, elsewhere]);
    let live = await here.service.issue(user);
    for (let change = 0; change < 5; change++) {
      // The second call of a round finds the floor where the first has put it.
      await here.service.permissionsChanged(user.id);
      await elsewhere.service.permissionsChanged(user.id);
      expect(verdict(here, live.accessToken)).toBe('token_stale');
      expect(verdict(elsewhere, live.accessToken)).toBe('token_stale');
      live = await here.service.refresh(live.refreshToken);
      await caughtUp(elsewhere);
      expect(verdict(here, live.accessToken)).toBe('accepted');
      expect(verdict(elsewhere, live.accessToken)).toBe('accepted');
    }
  });

  it('comes between a refresh and its repetition: the repetition has the new roles, and is accepted', async () => {
    const user = newUser([here, elsewhere], { roles: ['user', 'admin'] });
    const { refreshToken } = await here.service.issue(user);
    const lost = await here.service.refresh(refreshToken);
    setRoles(user.id, ['user']);
    await here.service.permissionsChanged(user.id);
    await caughtUp(elsewhere);

    const repeated = await elsewhere.service.refresh(refreshToken);
    expect(repeated.refreshToken).toBe(lost.refreshToken);
    const next = await elsewhere.service.refresh(repeated.refreshToken);
    for (const instance of [here, elsewhere]) {
      expect(verdict(instance, lost.accessToken)).toBe('token_stale');
      for (const { accessToken } of [repeated, next]) expect(verdict(instance, accessToken)).toBe('accepted');
    }
    for (const { accessToken } of [repeated, next]) expect(rolesIn(accessToken)).toEqual(['user']);
  });

  it('takes nothing from a revocation', async () => {
    const user = newUser([here, elsewhere]);
    const { sessionId, accessToken, refreshToken } = await here.service.issue(user);
    await here.service.revoke(sessionId, 'logout');
    expect(await elsewhere.service.permissionsChanged(user.id)).toBe(0);
    await caughtUp(here, elsewhere);
    expect(verdict(here, accessToken)).toBe('token_revoked');
    expect(verdict(elsewhere, accessToken)).toBe('token_revoked');
    await expect(here.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  it('is told on the wire as token_stale, with a challenge, and healed over the wire', async () => {
    const user = newUser([here, elsewhere]);
    const { accessToken, refreshToken } = await here.service.issue(user, { transport: 'body' });
    setRoles(user.id, ['user', 'editor']);
    await here.service.permissionsChanged(user.id);

    const refused = await send('GET', `${here.url}/auth/me`, { headers: bearer(accessToken) });
    expect(refused).toMatchObject({ status: 401, body: { error: 'token_stale' } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');

    const { body } = await refresh(here.url, refreshToken);
    const healed = await send('GET', `${here.url}/auth/me`, { headers: bearer(body.access_token) });
    expect(healed).toMatchObject({ status: 200, body: { roles: ['user', 'editor'] } });
  });

  function setRoles(id: string, roles: string[]): void {
    for (const { users } of [here, elsewhere]) users.users.set(id, { id, roles });
  }
});
