import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, cookiesSet, send } from '../support/http.js';
import { ALICE, host } from '../support/staff-host.js';
import { TABLES, usersAndStaff } from '../support/staff.js';

describe.each(adapters)('users and staff, throttled (%s)', (adapter) => {
  const start = async () => {
    const throttling = AuthThrottlingModule.forRoot({ loginFailures: 3, refreshFailures: 3, stepUpFailures: 2 });
    const { url } = await host(adapter, { ...TABLES, imports: [...usersAndStaff(), throttling] });
    return url;
  };
  const login = (url: string, prefix: string, password: string, transport = 'body') =>
    send<AuthBody>('POST', `${url}/${prefix}/login`, { body: { ...ALICE, password, transport } });

  test.each([
    ['auth', 'alice-password'],
    ['staff/auth', 'staff-password'],
  ])('what succeeds at /%s is never counted', async (prefix, password) => {
    const url = await start();
    const { refresh_token } = (await login(url, prefix, password)).body;
    const { name, value } = cookiesSet(await login(url, prefix, password, 'cookie'))[0];
    for (let count = 0; count < 5; count++) {
      const byBody = await send('POST', `${url}/${prefix}/refresh`, { body: { refresh_token } });
      expect(byBody.status).toBe(200);
      const byCookie = await send('POST', `${url}/${prefix}/refresh`, { headers: { cookie: `${name}=${value}` } });
      expect(byCookie.status).toBe(200);
    }
  });

  test('wrong passwords lock the name out where they were tried, and nowhere else', async () => {
    const url = await start();
    for (let count = 0; count < 3; count++) expect((await login(url, 'auth', 'wrong')).status).toBe(401);
    expect((await login(url, 'auth', 'alice-password')).status).toBe(429);
    expect((await login(url, 'staff/auth', 'staff-password')).status).toBe(200);
    for (let count = 0; count < 3; count++) expect((await login(url, 'staff/auth', 'wrong')).status).toBe(401);
    expect((await login(url, 'staff/auth', 'staff-password')).status).toBe(429);
  });

  test('tokens of the other one are as good as forged', async () => {
    const url = await start();
    const { refresh_token } = (await login(url, 'auth', 'alice-password')).body;
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) {
      statuses.push((await send('POST', `${url}/staff/auth/refresh`, { body: { refresh_token } })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
    expect((await send('POST', `${url}/auth/refresh`, { body: { refresh_token } })).status).toBe(200);
  });
});
