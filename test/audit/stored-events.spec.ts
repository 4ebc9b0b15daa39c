import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { AuthEventLog } from 'nestjs-refresh-token';
import { NewCountry, type GeoIpProvider } from 'nestjs-refresh-token/risk';
import { AuthEventRecord } from 'nestjs-refresh-token/typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inCountry } from '../support/signals.js';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, databases, type TestDatabase } from '../support/databases.js';
import { bearer, login, refresh, send } from '../support/http.js';

interface Event {
  id: string;
  type: string;
  at: string;
  session_id: string | null;
  reason: string | null;
  ip: string | null;
  country: string | null;
  outcome: string;
}

const geoIp: GeoIpProvider = {
  locate: (ip) => ({ '192.0.2.1': inCountry('DE'), '192.0.2.3': inCountry('FR') })[ip] ?? null,
};
const DAY = 86_400_000;
const MINUTE = 60_000;
const options = {
  risk: { geoIp, rules: [new NewCountry()] },
  audit: { store: true, retention: '30d', flushInterval: '10ms' },
  purge: { interval: '0s', batchSize: 2 },
};
const from = (ip: string, userAgent = 'Browser') => ({ 'x-forwarded-for': ip, 'user-agent': userAgent });

for (const { name, available, create } of databases) {
  describe.skipIf(!available)(`the events of a user, on ${name}`, () => {
    let database: TestDatabase;
    let host: AuthApp;
    beforeAll(async () => {
      database = await create();
      host = await createAuthApp(name === 'postgres' ? 'fastify' : 'express', database, {
        options,
        trustProxy: 'loopback',
      });
    });
    afterAll(async () => {
      await host.close();
      await database.drop();
    });

    const signIn = async (username: string, ip = '192.0.2.1') => {
      const credentials = { username, password: `${username}-password`, transport: 'body' as const };
      host.clock.advance(1000);
      return (await login(host.url, credentials, from(ip))).body;
    };
    const eventsOf = async (accessToken: string, query = '') => {
      const answer = await send<Event[]>('GET', `${host.url}/auth/events${query}`, { headers: bearer(accessToken) });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      return answer.body;
    };

    it('are told to them, the latest first, and to nobody else', async () => {
      const { session_id, refresh_token, access_token } = await signIn('alice');
      const bob = await signIn('bob');
      host.clock.advance(1000);
      await refresh(host.url, refresh_token, from('192.0.2.3'));
      await refresh(host.url, refresh_token, from('192.0.2.3'));
      await send('POST', `${host.url}/auth/logout`, { body: { refresh_token }, headers: from('192.0.2.3') });

      host.clock.advance(5 * MINUTE);
      const events = await eventsOf((await signIn('alice')).access_token, `?session_id=${session_id}`);
      expect(events.map(({ type, outcome, reason, country }) => [type, outcome, reason, country])).toEqual([
        ['revoked', 'revoked', 'logout', null],
        ['refresh_repeated', 'success', null, 'FR'],
        ['refreshed', 'alert', 'new_country', 'FR'],
        ['signed_in', 'success', null, 'DE'],
      ]);
      const time = new Date(host.clock.now() - 5 * MINUTE - 1000).toISOString();
      expect(events[1]).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        type: 'refresh_repeated',
        at: time,
        session_id,
        reason: null,
        ip: '192.0.2.3',
        country: 'FR',
        user_agent: 'Browser',
        outcome: 'success',
      });
      expect(await eventsOf(bob.access_token, `?session_id=${session_id}`)).toEqual([]);
      expect((await eventsOf(bob.access_token)).map((event) => event.session_id)).toEqual([bob.session_id]);
      expect((await send('GET', `${host.url}/auth/events`)).status).toBe(401);
      expect((await send('GET', `${host.url}/auth/events`, { headers: bearer(access_token) })).status).toBe(401);
    });

    it('are never a server error for a request line that no URL is', async () => {
      const { access_token } = await signIn('alice');
      const lines = [
        'http://a:99999/auth/events?limit=1',
        'http://[/auth/events',
        '/auth/events?%',
        '/auth/events?a?b&&=',
      ];
      for (const path of lines) {
        const sent = request(host.url, { path, headers: bearer(access_token) }).end();
        const [{ statusCode }] = (await once(sent, 'response')) as [IncomingMessage];
        expect(statusCode).toBeLessThan(500);
        sent.destroy();
      }
    });

    it('come in pages', async () => {
      const { access_token } = await signIn('admin');
      for (let time = 0; time < 4; time++) await signIn('admin');
      const all = await eventsOf(access_token);
      expect(all).toHaveLength(5);
      expect(all.map(({ at }) => at)).toEqual(
        all
          .map(({ at }) => at)
          .sort()
          .reverse(),
      );
      const first = await eventsOf(access_token, '?limit=2');
      const rest = await eventsOf(access_token, `?limit=100&before=${first[1].id}`);
      expect([...first, ...rest]).toEqual(all);
    });

    it('leave out refreshes of the last five minutes, in full pages, but not for the code of the host', async () => {
      const { access_token, session_id, refresh_token } = await signIn('bob');
      host.clock.advance(1000);
      const { refresh_token: second } = (await refresh(host.url, refresh_token)).body;
      host.clock.advance(3 * MINUTE);
      await refresh(host.url, second);
      await refresh(host.url, second);
      await send('POST', `${host.url}/auth/step-up`, { body: { refresh_token: second, password: 'wrong' } });
      const typesOf = async (query = '') =>
        (await eventsOf(access_token, `?session_id=${session_id}${query}`)).map(({ type }) => type);
      const log = host.module.get(AuthEventLog);
      const all = ['step_up_failed', 'refresh_repeated', 'refreshed', 'refreshed', 'signed_in'];

      expect(await typesOf()).toEqual(['step_up_failed', 'signed_in']);
      expect(await typesOf('&limit=2')).toEqual(['step_up_failed', 'signed_in']);
      expect((await log.ofUser('user-bob', { sessionId: session_id })).map(({ type }) => type)).toEqual(all);
      const query = { sessionId: session_id, withoutRecentRefreshes: true };
      expect((await log.ofUser('user-bob', query)).map(({ type }) => type)).toEqual(['step_up_failed', 'signed_in']);

      // The first refresh is five minutes old, but for a millisecond, and then five minutes.
      host.clock.advance(2 * MINUTE - 1);
      expect(await typesOf()).toEqual(['step_up_failed', 'signed_in']);
      host.clock.advance(1);
      expect(await typesOf()).toEqual(['step_up_failed', 'refreshed', 'signed_in']);
      const [first] = await eventsOf(access_token, `?session_id=${session_id}&limit=1`);
      expect(await typesOf(`&limit=1&before=${first.id}`)).toEqual(['refreshed']);
      host.clock.advance(3 * MINUTE);
      expect(await typesOf()).toEqual(all);
    });

    it.each([
      '?limit=0',
      '?limit=-1',
      '?limit=many',
      '?limit=1&limit=2',
      '?session_id=x',
      '?session_id=a&session_id=b',
      '?before=1',
    ])('%s is refused', async (query) => {
      const { access_token } = await signIn('alice');
      const answer = await send('GET', `${host.url}/auth/events${query}`, { headers: bearer(access_token) });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    });

    it('hold whatever a client calls itself', async () => {
      const text = { username: 'alice', password: 'wrong', client_id: `🙂${'x'.repeat(254)}` };
      await login(host.url, text, from('192.0.2.1', `${'z'.repeat(600)}`));
      const { access_token } = await signIn('alice');
      await eventsOf(access_token);
      const records = host.dataSource.getRepository(AuthEventRecord);
      const failed = await records.findOneByOrFail({ type: 'sign_in_failed' });
      expect(failed).toMatchObject({ userId: null, outcome: 'denied', userAgent: 'z'.repeat(512) });
      expect(failed.clientId).toMatch(/^🙂x+$/u);
    });

    it('are purged after the retention, in batches', async () => {
      const log = host.module.get(AuthEventLog);
      await log.flush();
      const records = host.dataSource.getRepository(AuthEventRecord);
      const before = await records.count();
      expect(before).toBeGreaterThan(5);
      expect(await log.purge()).toBe(0);
      host.clock.advance(30 * DAY);
      await signIn('alice');
      await log.flush();
      expect(await log.purge()).toBe(before);
      expect(await records.find()).toMatchObject([{ type: 'signed_in' }]);
    });
  });
}

it.each(adapters)(
  'without audit.store no event is stored, and GET /auth/events answers 404, on %s',
  async (adapter) => {
    const host = await createAuthApp(adapter, await databaseNamed('sqljs').create());
    const { body } = await login(host.url, { username: 'alice', password: 'alice-password' });
    const answer = await send('GET', `${host.url}/auth/events`, { headers: bearer(body.access_token) });
    expect(answer).toMatchObject({ status: 404, body: { error: 'not_found' } });
    expect(await host.dataSource.getRepository(AuthEventRecord).count()).toBe(0);
    await host.close();
  },
);
