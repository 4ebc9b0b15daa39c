import { AuthResponder } from 'nestjs-refresh-token';
import type { RiskRule } from 'nestjs-refresh-token/risk';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { IsNull } from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import {
  type Answer,
  type AuthBody,
  bearer,
  cookieHeader,
  cookiesSet,
  login,
  REFRESH_COOKIE,
  refresh,
  refreshCookie,
  send,
} from '../support/http.js';
import { claimsOf, listening, MINUTE, SECOND } from '../support/listening.js';
import { FilteredController, RespondingController } from '../support/responding-host.js';

const CROSS_SITE = { 'sec-fetch-site': 'cross-site' };
const rules: RiskRule[] = [{ reason: 'mine', judge: ({ userId }) => (userId === 'user-admin' ? 'deny' : undefined) }];

for (const adapter of adapters) {
  describe(`a route of the host that answers by AuthResponder (${adapter})`, () => {
    const app = listening(adapter, {
      controllers: [RespondingController, FilteredController],
      options: { risk: { rules }, cookie: { allowedOrigins: ['https://app.example'] } },
      quiet: true,
    });
    const post = (path: string, body?: object, headers?: Record<string, string>) =>
      send<AuthBody>('POST', `${app.url}/own/${path}`, { body, headers });
    const inBody = async (wanted: object = {}) =>
      (await post('sign-in', { wanted: { transport: 'body', ...wanted } })).body;
    const liveSessions = () => app.dataSource.getRepository(RefreshToken).countBy({ revokedAt: IsNull() });
    let usual: AuthApp['users']['reauthenticate'] | undefined;
    afterEach(() => {
      if (usual) app.users.reauthenticate = usual;
      usual = undefined;
    });

    test('answers as the login does: the same headers, fields and cookies', async () => {
      for (const transport of ['cookie', 'body'] as const) {
        const [theirs, ours] = [
          await login(app.url, { username: 'alice', password: 'alice-password', transport }),
          await post('sign-in', { wanted: { transport } }),
        ];
        const comparable = ({ status, headers, body }: Answer<AuthBody>) => ({
          status,
          headers: [...headers.keys()].filter((name) => name !== 'set-cookie' || transport === 'cookie'),
          cacheControl: headers.get('cache-control'),
          type: headers.get('content-type'),
          fields: Object.keys(body),
        });
        expect(comparable(ours)).toEqual(comparable(theirs));
        const named = (answer: Answer) => cookiesSet(answer).filter(({ name }) => name === REFRESH_COOKIE);
        expect(named(ours).map(({ value, ...attributes }) => [attributes, value?.length])).toEqual(
          named(theirs).map(({ value, ...attributes }) => [attributes, value?.length]),
        );
        expect(ours.headers.get('content-length')).toBe(String(JSON.stringify(ours.body).length));
        const token = refreshCookie(ours) ?? ours.body.refresh_token;
        const next = transport === 'cookie' ? [undefined, cookieHeader(token)] : [token];
        expect((await refresh(app.url, ...(next as [string]))).status).toBe(200);
      }
    });

    test('says who signed in, how and for how long', async () => {
      const from = app.events.length;
      const wanted = { transport: 'body', clientId: 'ios', amr: ['hwk', 'pin'], acr: 'aal2', ttl: '2m' };
      const { body } = await post('sign-in', { user: 'bob', wanted }, { 'user-agent': 'phone/1.0' });
      expect(app.events.slice(from)).toEqual([
        expect.objectContaining({
          type: 'signed_in',
          userId: 'user-bob',
          clientId: 'ios',
          sessionId: body.session_id,
          userAgent: 'phone/1.0',
        }),
      ]);
      expect(claimsOf(body.access_token)).toMatchObject({ sub: 'user-bob', amr: ['hwk', 'pin'], acr: 'aal2' });
      app.clock.advance(3 * MINUTE);
      expect((await refresh(app.url, body.refresh_token)).status).toBe(401);
    });

    test('lets the browser forget the cookie when it closes, where the session is not persistent', async () => {
      const answer = await post('sign-in', { wanted: { persistent: false } });
      expect(cookiesSet(answer).find(({ name }) => name === REFRESH_COOKIE)).not.toHaveProperty('maxAge');
      const again = await post('refresh', undefined, cookieHeader(refreshCookie(answer)!));
      expect(cookiesSet(again).find(({ name }) => name === REFRESH_COOKIE)).not.toHaveProperty('maxAge');
    });

    test('refuses a user who is unknown or disabled, and terms that are wrong; no session lives', async () => {
      const before = await liveSessions();
      expect(await post('sign-in', { user: 'nobody' })).toMatchObject({
        status: 401,
        body: { error: 'invalid_credentials' },
      });
      for (const wanted of [{ ttl: 'soon' }, { amr: [] }, { acr: 'two words' }]) {
        const { status, headers } = await post('sign-in', { wanted });
        expect([status, headers.getSetCookie()]).toEqual([500, []]);
      }
      expect(await liveSessions()).toBe(before);
    });

    test('replaces the session of the browser, and no other', async () => {
      const [first, other] = [await post('sign-in', {}), await post('sign-in', {})];
      const second = await post('sign-in', { user: 'bob' }, cookieHeader(refreshCookie(first)!));
      expect(second.status).toBe(200);
      expect(app.events.at(-1)).toMatchObject({
        type: 'revoked',
        reason: 'replaced',
        sessionId: first.body.session_id,
      });
      expect((await refresh(app.url, undefined, cookieHeader(refreshCookie(first)!))).status).toBe(401);
      expect((await refresh(app.url, undefined, cookieHeader(refreshCookie(other)!))).status).toBe(200);
      // An app that keeps its tokens itself has nothing to do with the cookie.
      await post('sign-in', { wanted: { transport: 'body' } }, cookieHeader(refreshCookie(other)!));
      expect(app.events.at(-1)).toMatchObject({ type: 'signed_in' });
    });

    test('refuses what a page of another site makes a browser send; nothing is issued', async () => {
      const before = await liveSessions();
      for (const headers of [CROSS_SITE, { 'sec-fetch-site': 'same-site' }, { origin: 'https://evil.example' }]) {
        const refused = await post('sign-in', {}, headers);
        expect(refused).toMatchObject({ status: 403, body: { error: 'forbidden' } });
        expect([refused.headers.get('cache-control'), refused.headers.getSetCookie()]).toEqual(['no-store', []]);
      }
      expect(await liveSessions()).toBe(before);
      const allowed = await post('sign-in', { wanted: { allowCrossSite: true } }, CROSS_SITE);
      expect(refreshCookie(allowed)).toMatch(/^nrt_/);
      // A page of another site could not keep these tokens in a cookie, and cannot read them.
      expect((await post('sign-in', { wanted: { transport: 'body' } }, CROSS_SITE)).status).toBe(200);
    });

    test('is judged by the risk rules', async () => {
      const before = await liveSessions();
      const refused = await post('sign-in', { user: 'admin' });
      expect(refused).toMatchObject({ status: 403, body: { error: 'forbidden' } });
      expect(app.events.at(-1)).toMatchObject({ type: 'sign_in_failed', reason: 'mine', userId: 'user-admin' });
      expect(await liveSessions()).toBe(before);
    });

    test('binds the session: by a DPoP proof, or by a nonce in a cookie of its own', async () => {
      const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
      const bound = await post(
        'sign-in',
        { wanted: { transport: 'body' } },
        { dpop: await client.proof('POST', '/own/sign-in') },
      );
      expect(bound.body.token_type).toBe('DPoP');
      expect((await post('refresh', { refresh_token: bound.body.refresh_token })).status).toBe(401);
      const dpop = await client.proof('POST', '/own/refresh');
      expect((await post('refresh', { refresh_token: bound.body.refresh_token }, { dpop })).status).toBe(200);

      const before = await liveSessions();
      const wrong = await post('sign-in', {}, { dpop: await client.proof('POST', '/auth/login') });
      expect(wrong).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
      expect(await liveSessions()).toBe(before);

      const nonce = await post('sign-in', { wanted: { bind: 'nonce', redirectTo: '/' } });
      const cookies = cookiesSet(nonce);
      expect(cookies.map(({ name }) => name)).toEqual([REFRESH_COOKIE, '__Host-client_nonce']);
      expect((await post('refresh', undefined, cookieHeader(refreshCookie(nonce)!))).status).toBe(401);
      const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
      expect((await post('refresh', undefined, { cookie })).status).toBe(200);
    });

    test('answers the same session to a retry with the same key only if its request is the same', async () => {
      const key = { idempotency_key: 'a'.repeat(22) };
      const { body } = await post('sign-in', { wanted: { transport: 'body' }, ...key });
      const token = { refresh_token: body.refresh_token, idempotency_key: 'b'.repeat(22) };
      const first = await post('refresh', token);
      app.clock.advance(MINUTE);
      const retried = await post('refresh', token);
      expect(retried.body.refresh_token).toBe(first.body.refresh_token);
      expect(await post('sign-in', { idempotency_key: 1 })).toMatchObject({
        status: 400,
        body: { error: 'invalid_request' },
      });
    });

    describe('and redirects', () => {
      const redirectTo = (to: unknown) => post('sign-in', { wanted: { redirectTo: to } });

      test('by 303, with the cookie and without a body', async () => {
        const { status, headers, body } = await redirectTo('/welcome?a=1#top');
        expect([status, headers.get('location'), body]).toEqual([303, '/welcome?a=1#top', undefined]);
        expect([headers.get('cache-control'), headers.get('content-type')]).toEqual(['no-store', null]);
        expect(headers.getSetCookie().join()).toContain(`${REFRESH_COOKIE}=nrt_`);
        expect(headers.getSetCookie().join()).not.toContain(headers.get('location'));
      });

      test.each([
        ['/', '/'],
        ['/a/../b', '/b'],
        ['/?next=//evil.example', '/?next=//evil.example'],
        ['/日本', '/%E6%97%A5%E6%9C%AC'],
        ['/@evil.example', '/@evil.example'],
        ['/a\nb', '/ab'],
        ['https://app.example', 'https://app.example/'],
        ['https://app.example/in?x#y', 'https://app.example/in?x#y'],
        ['https://app.example\\@evil.example/', 'https://app.example/@evil.example/'],
        ['HTTPS://APP.example:443/in', 'https://app.example/in'],
      ])('to %j', async (to, location) => {
        const answer = await redirectTo(to);
        expect([answer.status, answer.headers.get('location')]).toEqual([303, location]);
      });

      test.each([
        '',
        'welcome',
        '//evil.example',
        '///evil.example',
        '/\\evil.example',
        '\\\\evil.example',
        '/\t/evil.example',
        '/\n/evil.example',
        '\n//evil.example',
        ' //evil.example',
        '/..//evil.example',
        '/.//evil.example',
        '/a/..//evil.example',
        '/%2e%2e//evil.example',
        '/./\\evil.example',
        'https://evil.example',
        'https:evil.example',
        'http://app.example',
        'https://app.example:8443/',
        'https://app.example@evil.example/',
        'https://app.example:x@evil.example/',
        'https://user@app.example/',
        'https://app.example.evil.example/',
        'blob:https://app.example/7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77',
        'javascript:alert(1)',
        'java\nscript:alert(1)',
        'data:text/html,x',
        'null',
        7,
        ['https://app.example/'],
        { toString: 'x' },
      ])('not to %j; nothing is issued', async (to) => {
        const before = await liveSessions();
        const refused = await redirectTo(to);
        expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect([refused.headers.get('location'), refused.headers.getSetCookie()]).toEqual([null, []]);
        expect(await liveSessions()).toBe(before);
      });

      test('not with tokens that a URL would have to carry', async () => {
        const before = await liveSessions();
        const refused = await post('sign-in', { wanted: { transport: 'body', redirectTo: '/' } });
        expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
        expect(await liveSessions()).toBe(before);
      });

      test('after a navigation from another site', async () => {
        const link = `${app.url}/own/sign-in?to=${encodeURIComponent('/welcome')}`;
        const answer = await send('GET', link, { headers: { ...CROSS_SITE, 'sec-fetch-mode': 'navigate' } });
        expect([answer.status, answer.headers.get('location')]).toEqual([303, '/welcome']);
        expect((await refresh(app.url, undefined, cookieHeader(refreshCookie(answer)!))).status).toBe(200);
      });
    });

    describe('and refreshes', () => {
      test('by the cookie or the body, with one successor', async () => {
        const signedIn = await post('sign-in', {});
        const rotated = await post('refresh', undefined, cookieHeader(refreshCookie(signedIn)!));
        expect(rotated).toMatchObject({ status: 200, body: { session_id: signedIn.body.session_id, generation: 1 } });
        expect(rotated.headers.get('cache-control')).toBe('no-store');
        const again = await post('refresh', undefined, cookieHeader(refreshCookie(signedIn)!));
        expect(refreshCookie(again)).toBe(refreshCookie(rotated));
        const { refresh_token } = await inBody();
        expect((await post('refresh', { refresh_token })).body.refresh_token).toMatch(/^nrt_/);
        expect(await post('refresh')).toMatchObject({ status: 400, body: { error: 'refresh_token_missing' } });
        const passed = await post('refresh-passthrough', undefined, cookieHeader(refreshCookie(again)!));
        expect([passed.status, passed.body.generation]).toEqual([200, 2]);
      });

      test.each(['own', 'filtered'])('not a dead session: its cookie is removed, once (%s)', async (prefix) => {
        const signedIn = await post('sign-in', {});
        await app.service.revoke(signedIn.body.session_id, 'logout');
        const headers = cookieHeader(refreshCookie(signedIn)!);
        const refused = await send<AuthBody>('POST', `${app.url}/${prefix}/refresh`, { headers });
        expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
        expect(refused.headers.get('cache-control')).toBe('no-store');
        expect(cookiesSet(refused)).toEqual([expect.objectContaining({ name: REFRESH_COOKIE, value: '', maxAge: 0 })]);
      });

      test('not a token that was superseded, and not from another site', async () => {
        const { refresh_token } = await inBody();
        const first = await post('refresh', { refresh_token, idempotency_key: 'a'.repeat(22) });
        await post('refresh', { refresh_token: first.body.refresh_token, idempotency_key: 'b'.repeat(22) });
        app.clock.advance(30 * SECOND);
        const late = await post('refresh', { refresh_token, idempotency_key: 'a'.repeat(22) });
        expect([late.status, late.body.error]).toEqual([409, 'superseded']);
        const cookie = cookieHeader(refreshCookie(await post('sign-in', {}))!);
        const foreign = await post('refresh', undefined, { ...cookie, ...CROSS_SITE });
        expect([foreign.status, foreign.headers.getSetCookie()]).toEqual([403, []]);
        expect((await post('refresh', undefined, cookie)).status).toBe(200);
      });

      test('or signs in instead, when the host has caught the refusal', async () => {
        const signedIn = await post('sign-in', {});
        await app.service.revoke(signedIn.body.session_id, 'logout');
        const answer = await post('either', undefined, cookieHeader(refreshCookie(signedIn)!));
        expect(answer).toMatchObject({ status: 200, body: { generation: 0 } });
        expect(cookiesSet(answer).at(-1)!.value).toMatch(/^nrt_/);
      });
    });

    describe('and steps up', () => {
      test('by any proof, which the user provider gets with the session', async () => {
        const signedIn = await post('sign-in', { wanted: { amr: ['pwd'] } });
        usual = app.users.reauthenticate;
        const asked: unknown[] = [];
        app.users.reauthenticate = (async (id: string, proof: { otp?: string }, session: { amr: string[] }) => {
          asked.push({ id, proof, session });
          if (proof.otp !== '123456') return null;
          return { id, roles: ['user'], sessionTerms: { amr: [...session.amr, 'otp'], acr: 'aal2' } };
        }) as never;
        const headers = cookieHeader(refreshCookie(signedIn)!);
        const wrong = await post('step-up', { proof: { otp: '000000' } }, headers);
        expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } });
        expect([wrong.headers.getSetCookie(), app.events.at(-1)?.type]).toEqual([[], 'step_up_failed']);
        app.clock.advance(MINUTE);
        const right = await post('step-up', { proof: { otp: '123456' } }, headers);
        expect(right).toMatchObject({ status: 200, body: { session_id: signedIn.body.session_id, generation: 1 } });
        expect(claimsOf(right.body.access_token)).toMatchObject({
          amr: ['pwd', 'otp'],
          acr: 'aal2',
          auth_time: app.clock.now() / SECOND,
        });
        expect(asked).toEqual([
          expect.objectContaining({ id: 'user-alice', proof: { otp: '000000' } }),
          expect.objectContaining({ session: expect.objectContaining({ amr: ['pwd'] }) }),
        ]);
      });

      test('only with a refresh token of this browser', async () => {
        expect((await post('step-up', { proof: 'alice-password' })).body.error).toBe('refresh_token_missing');
        const headers = { ...cookieHeader(refreshCookie(await post('sign-in', {}))!), ...CROSS_SITE };
        expect((await post('step-up', { proof: 'alice-password' }, headers)).status).toBe(403);
      });
    });

    test('has tokens that the guards know', async () => {
      const { access_token } = await inBody();
      const me = await send('GET', `${app.url}/auth/me`, { headers: bearer(access_token) });
      expect(me).toMatchObject({ status: 200, body: { id: 'user-alice' } });
    });

    test('can be injected', () => {
      expect(app.module.get(AuthResponder)).toBeInstanceOf(AuthResponder);
    });
  });
}
