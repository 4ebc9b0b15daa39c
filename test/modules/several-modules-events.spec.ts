import { AuthEventLog, authToken } from 'nestjs-refresh-token';
import { AuthEventRecord } from 'nestjs-refresh-token/typeorm';
import { AuthMetricsModule } from 'nestjs-refresh-token/metrics';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, send } from '../support/http.js';
import { ALICE, host } from '../support/staff-host.js';
import { TABLES, usersAndStaff } from '../support/staff.js';

interface Event {
  session_id: string | null;
  type: string;
}

const audit = { store: true, flushInterval: '10ms', retention: '1d' };
const WAYS = [
  ['auth', 'alice-password'],
  ['staff/auth', 'staff-password'],
] as const;

describe.each(adapters)('users and staff with the same id (%s)', (adapter) => {
  const signedIn = async (url: string) =>
    Promise.all(
      WAYS.map(async ([prefix, password]) => {
        const { body } = await send<AuthBody>('POST', `${url}/${prefix}/login`, { body: { ...ALICE, password } });
        const events = async (query = '') =>
          (await send<Event[]>('GET', `${url}/${prefix}/events${query}`, { headers: bearer(body.access_token) })).body;
        return { sessionId: body.session_id, events };
      }),
    );

  test('read their own events, and not those of the other one', async () => {
    const { url } = await host(adapter, { ...TABLES, imports: usersAndStaff({ audit }) });
    const [user, clerk] = await signedIn(url);
    for (const [one, other] of [
      [user, clerk],
      [clerk, user],
    ]) {
      // The other one's, too, have been written by then.
      expect(await other.events()).toHaveLength(1);
      expect(await one.events()).toMatchObject([{ type: 'signed_in', session_id: one.sessionId }]);
      expect(await one.events(`?session_id=${other.sessionId}`)).toEqual([]);
    }
  });

  test('are purged each by its own module', async () => {
    const { app, url } = await host(adapter, { ...TABLES, imports: usersAndStaff({ audit }) });
    const [user, clerk] = await signedIn(url);
    await Promise.all([user.events(), clerk.events()]);
    const records = app.get(DataSource).getRepository(AuthEventRecord);
    // Ids begin with the time: these are of 1970.
    for (const [index, { id }] of (await records.find()).entries()) {
      await records.update({ id }, { id: `00000000-0000-7000-8000-00000000000${index}` });
    }
    const staffLog = app.get<AuthEventLog>(authToken(AuthEventLog, 'staff'));
    expect(await staffLog.purge()).toBe(1);
    expect(await records.find()).toMatchObject([{ realm: '', sessionId: user.sessionId }]);
  });

  test('are measured together', async () => {
    const registry = new Registry();
    const metrics = AuthMetricsModule.forRoot({ registry, sessionCountInterval: '0s' });
    const { url } = await host(adapter, { ...TABLES, imports: [...usersAndStaff(), metrics] });
    await signedIn(url);
    const text = await registry.metrics();
    expect(text).toContain('auth_sign_ins_total{outcome="success"} 2');
    expect(text).toContain('auth_active_sessions 2');
  });
});
