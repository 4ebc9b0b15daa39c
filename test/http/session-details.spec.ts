import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { testClient } from '../support/clients.js';
import { bearer, refresh, send } from '../support/http.js';
import { comparable, listening, signIn } from '../support/listening.js';

interface Session {
  id: string;
  device_name: string | null;
  tags?: string[];
  metadata?: Record<string, string>;
}

const LONGEST_METADATA = { a: 'x'.repeat(2048 - '{"a":""}'.length) };

for (const adapter of adapters) {
  describe(`what users say about their sessions (${adapter})`, () => {
    const app = listening(adapter, { options: { audit: { store: true, flushInterval: '10ms' } } });
    const update = (accessToken: string, id: string, body: unknown, headers = {}) =>
      send('PATCH', `${app.url}/auth/sessions/${id}`, { headers: { ...bearer(accessToken), ...headers }, body });
    const listed = async (accessToken: string, id: string) => {
      const { body } = await send<Session[]>('GET', `${app.url}/auth/sessions`, { headers: bearer(accessToken) });
      return body.find((session) => session.id === id)!;
    };

    test('is in the list: a name, tags and metadata, of this session and of another one', async () => {
      const [here, there] = [await signIn(app, { device_name: 'phone' }), await signIn(app)];
      for (const { sessionId } of [here, there]) {
        const details = { device_name: 'Küche 📱', tags: ['home', 'home', 'old'], metadata: { room: 'kitchen' } };
        const answer = await update(here.accessToken, sessionId, details);
        expect(answer).toMatchObject({ status: 204, body: undefined });
        expect(answer.headers.get('cache-control')).toBe('no-store');
        expect(await listed(there.accessToken, sessionId)).toMatchObject({ ...details, tags: ['home', 'old'] });
      }
      expect(app.events.at(-1)).toMatchObject({
        type: 'session_updated',
        userId: 'user-alice',
        sessionId: there.sessionId,
        ip: '127.0.0.1',
      });
      expect(JSON.stringify(app.events)).not.toContain('kitchen');
    });

    test('changes what is sent, and keeps the rest; null removes it', async () => {
      const { accessToken, sessionId } = await signIn(app, { device_name: 'phone' });
      await update(accessToken, sessionId, { tags: ['one'] });
      await update(accessToken, sessionId, { metadata: { a: '1', b: '2' } });
      await update(accessToken, sessionId, { metadata: { c: '3' } });
      expect(await listed(accessToken, sessionId)).toMatchObject({
        device_name: 'phone',
        tags: ['one'],
        metadata: { c: '3' },
      });
      expect((await update(accessToken, sessionId, {})).status).toBe(204);
      const nothing = { device_name: null, tags: null, metadata: null };
      expect((await update(accessToken, sessionId, nothing)).status).toBe(204);
      const bare = await listed(accessToken, sessionId);
      expect(bare.device_name).toBeNull();
      expect(Object.keys(bare)).not.toContain('tags');
      expect(Object.keys(bare)).not.toContain('metadata');
      await update(accessToken, sessionId, { device_name: '', tags: [], metadata: {} });
      expect(await listed(accessToken, sessionId)).toEqual(bare);
    });

    const longest: [string, object][] = [
      ['device_name', { device_name: '📱'.repeat(255) }],
      ['tags', { tags: Array.from({ length: 16 }, (_, index) => `${'"'.repeat(62)}${index + 10}`) }],
      ['metadata', { metadata: LONGEST_METADATA }],
      ['metadata', { metadata: { ['k'.repeat(64)]: '', constructor: 'is a name', toString: 'too' } }],
    ];
    test.each(longest)('%s may be as long as this', async (field, body) => {
      const { accessToken, sessionId } = await signIn(app);
      expect((await update(accessToken, sessionId, body)).status).toBe(204);
      expect(await listed(accessToken, sessionId)).toMatchObject({ [field]: Object.values(body)[0] as unknown });
    });

    const invalid: [string, unknown[]][] = [
      ['device_name', ['x'.repeat(256), 'a\nb', 'a\0b', 7, ['a'], {}, '\ud800']],
      [
        'tags',
        [
          Array.from({ length: 17 }, (_, index) => String(index)),
          ['x'.repeat(65)],
          [''],
          [7],
          [null],
          [['a']],
          'home',
          { 0: 'a' },
          ['\x7f'],
        ],
      ],
      [
        'metadata',
        [{ a: 1 }, { a: null }, { a: {} }, { '': 'a' }, { ['k'.repeat(65)]: 'a' }, ['a'], 'a', { a: 'b\r' }].concat([
          { 'a\n': 'b' },
          { a: `${LONGEST_METADATA.a}x` },
        ]),
      ],
    ];
    test.each(invalid)('%s that is not valid is 400, and changes nothing', async (field, values) => {
      const { accessToken, sessionId } = await signIn(app, { device_name: 'phone' });
      const before = await listed(accessToken, sessionId);
      for (const value of values) {
        const answer = await update(accessToken, sessionId, { device_name: 'new', [field]: value });
        expect(answer, JSON.stringify(value)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect((answer.body as { error_description: string }).error_description).toContain(`Not valid: ${field}.`);
      }
      const unsafe = `{"device_name":"new","metadata":{"__proto__":"a"}}`;
      const headers = { ...bearer(accessToken), 'content-type': 'application/json' };
      const sent = await send('PATCH', `${app.url}/auth/sessions/${sessionId}`, { headers, text: unsafe });
      expect(sent.status).toBe(400);
      for (const body of [[], 'text', 7, null]) {
        expect((await update(accessToken, sessionId, body)).status, JSON.stringify(body)).toBe(400);
      }
      expect(await listed(accessToken, sessionId)).toEqual(before);
    });

    test('with a field of another name is 400, which names it', async () => {
      const { accessToken, sessionId } = await signIn(app, { device_name: 'phone' });
      for (const field of ['deviceName', 'userId', 'expires_at']) {
        const answer = await update(accessToken, sessionId, { [field]: 'x' });
        expect(answer).toMatchObject({ status: 400, body: { error_description: `Not known: ${field}.` } });
      }
      const answer = await update(accessToken, sessionId, { 'a"\n': 'x' });
      expect(answer).toMatchObject({ status: 400, body: { error_description: 'Not known: a field.' } });
      expect(await listed(accessToken, sessionId)).toMatchObject({ device_name: 'phone' });
    });

    test('takes the id in capital letters, and so does the end of the session', async () => {
      const { accessToken } = await signIn(app);
      const other = await signIn(app);
      const id = other.sessionId.toUpperCase();
      expect((await update(accessToken, id, { device_name: 'loud' })).status).toBe(204);
      expect(await listed(accessToken, other.sessionId)).toMatchObject({ device_name: 'loud' });
      const ended = await send('DELETE', `${app.url}/auth/sessions/${id}`, { headers: bearer(accessToken) });
      expect(ended.status).toBe(204);
    });

    test('concerns nobody else: their sessions look as if there were none', async () => {
      const { accessToken } = await signIn(app);
      const ofBob = await signIn(app, { username: 'bob', device_name: 'bob’s' });
      const ended = await signIn(app);
      await app.service.revoke(ended.sessionId, 'logout');
      const none = await update(accessToken, '7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77', { device_name: 'mine' });
      expect(none.status).toBe(404);
      expect(none.body).toEqual({ error: 'not_found', error_description: 'There is no such session.' });
      for (const id of [ofBob.sessionId, ended.sessionId, 'nonsense', '%00', `${ofBob.sessionId}'--`]) {
        expect(comparable(await update(accessToken, id, { device_name: 'mine' })), id).toEqual(comparable(none));
      }
      expect(await listed(ofBob.accessToken, ofBob.sessionId)).toMatchObject({ device_name: 'bob’s' });
      expect((await send('PATCH', `${app.url}/auth/sessions/${ofBob.sessionId}`, { body: {} })).status).toBe(401);
      expect((await update(ofBob.refreshToken, ofBob.sessionId, {})).status).toBe(401);
      expect((await refresh(app.url, ofBob.refreshToken)).status).toBe(200);
    });

    test('goes through the client', async () => {
      const client = testClient(app.url);
      await client.login({ username: 'alice', password: 'alice-password' });
      const own = (await client.sessions.list()).find(({ current }) => current)!;
      expect(own.tags).toBeUndefined();
      await client.sessions.update(own.id, { device_name: 'Laptop', tags: ['work'], metadata: { asset_no: '17' } });
      const renamed = (await client.sessions.list()).find(({ id }) => id === own.id)!;
      expect(renamed).toMatchObject({ deviceName: 'Laptop', tags: ['work'], metadata: { asset_no: '17' } });
      await expect(client.sessions.update('none', {})).rejects.toMatchObject({ code: 'not_found' });
      await expect(client.sessions.update(own.id, { tags: [''] })).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });
}
