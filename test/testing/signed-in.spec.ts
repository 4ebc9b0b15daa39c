import { Controller, Get, Header, Req, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuthModule, GuardOf, JwtAuthGuard, RefreshTokenService } from 'nestjs-refresh-token';
import { AuthTestingModule, signedIn, type SignedInOptions, TestClock } from 'nestjs-refresh-token/testing';
import supertest from 'supertest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { adapters, createAuthApp, type AuthSetup } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { Orders } from '../support/orders.controller.js';
import { TABLES, usersAndStaff } from '../support/staff.js';
import { host } from '../support/staff-host.js';

async function listening(setup: AuthSetup = {}, adapter: 'express' | 'fastify' = 'express') {
  const database = await databaseNamed('sqljs').create();
  const app = await createAuthApp(adapter, database, { controllers: [Orders], ...setup });
  onTestFinished(() => app.close());
  return app;
}

describe.each(adapters)('a user who is signed in to a real application, on %s', (adapter) => {
  test('has headers, an agent and a fetch for guarded routes', async () => {
    const { app } = await listening({}, adapter);
    const alice = await signedIn(app, 'user-alice');
    expect(alice.headers).toEqual({ authorization: `Bearer ${alice.accessToken}` });
    await supertest(app.getHttpServer()).get('/orders').set(alice.headers).expect(200, { of: 'user-alice' });
    await alice.agent.get('/orders').expect(200, { of: 'user-alice' });
    await alice.agent.get('/orders/all').expect(403);
    const response = await alice.fetch('/orders', { headers: { 'x-any': '1' } });
    expect([response.status, await response.json()]).toEqual([200, { of: 'user-alice' }]);
  });

  test('refreshes with the Secure cookie over plain HTTP, again and again', async () => {
    const { app, clock, service } = await listening({}, adapter);
    const alice = await signedIn(app, 'user-alice');
    const first = alice.refreshToken;
    for (let generation = 1; generation <= 3; generation++) {
      const { body } = await alice.agent.post('/auth/refresh').expect(200);
      expect(body.generation).toBe(generation);
      clock.advance(3_600_000);
    }
    expect((await alice.fetch('/auth/refresh', { method: 'POST' })).status).toBe(200);
    expect(alice.refreshToken).not.toBe(first);

    await alice.agent.get('/orders').expect(401);
    expect((await alice.refresh()).generation).toBe(5);
    await alice.agent.get('/orders').expect(200);
    expect(await service.list('user-alice')).toHaveLength(1);
  });
});

describe('the session', () => {
  test('is real: it is listed, refreshed by its token, and ended', async () => {
    const { app, service } = await listening();
    const options: SignedInOptions = { transport: 'body', clientId: 'ios', deviceName: 'My phone' };
    const alice = await signedIn(app, 'user-alice', { ...options, client: { ip: '192.0.2.1', userAgent: 'test' } });
    expect(alice.cookie).toBeUndefined();
    expect(await service.list('user-alice')).toMatchObject([
      { id: alice.sessionId, clientId: 'ios', deviceName: 'My phone', ip: '192.0.2.1', userAgent: 'test' },
    ]);
    const { body } = await alice.agent.post('/auth/refresh').send({ refresh_token: alice.refreshToken }).expect(200);
    expect(body.refresh_token).not.toBe(alice.tokens.refreshToken);
    await alice.signOut();
    expect((await alice.agent.get('/orders').expect(401)).body.error).toBe('token_revoked');
    await expect(service.refresh(body.refresh_token)).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  test('gives up its cookie at logout', async () => {
    const { app } = await listening();
    const alice = await signedIn(app, 'user-alice');
    expect(alice.cookie).toContain('__Host-refresh_token=');
    await alice.agent.post('/auth/logout').expect(204);
    expect(alice.cookie).toBeUndefined();
  });

  test('has the roles that the user provider returns', async () => {
    const { app } = await listening();
    const admin = await signedIn(app, { id: 'user-admin', roles: ['user', 'admin'] });
    await admin.agent.get('/orders/all').expect(200);
    await expect(signedIn(app, { id: 'user-alice', roles: ['admin'] })).rejects.toThrow(
      /the roles of 'user-alice'.*\["user"\].*AuthTestingModule/,
    );
  });

  test('belongs to the module with the name', async () => {
    @Controller('back-office')
    @UseGuards(GuardOf(JwtAuthGuard, 'staff'))
    class BackOffice {
      @Get()
      all() {
        return [];
      }
    }
    const { app } = await host('express', { ...TABLES, imports: usersAndStaff(), controllers: [BackOffice] });
    const clerk = await signedIn(app, 'user-alice', { name: 'staff' });
    await clerk.agent.get('/back-office').expect(200);
    await clerk.agent.post('/staff/auth/refresh').expect(200);
    const alice = await signedIn(app, 'user-alice');
    await alice.agent.get('/back-office').expect(401);
    await alice.agent.get('/auth/me').expect(200);
  });
});

describe.each(adapters)('a session with a binding, on %s', (adapter) => {
  test('proves its key with each request, also where the server wants a nonce', async () => {
    const dpop = { requireNonce: true };
    const { app, service } = await listening({ options: { binding: { required: ['dpop'], dpop } } }, adapter);
    const alice = await signedIn(app, 'user-alice');
    expect(alice.tokens.tokenType).toBe('DPoP');
    await alice.agent.get('/orders?page=2').expect(200);
    await alice.agent.post('/auth/refresh').expect(200);
    expect((await alice.fetch('/orders?page=2')).status).toBe(200);
    await alice.refresh();
    const url = `${await app.getUrl()}/orders`;
    expect((await fetch(url, { headers: alice.headersFor('GET', url) })).status).toBe(200);
    expect((await fetch(url, { headers: alice.headersFor('POST', url) })).status).toBe(401);
    expect(() => alice.headers).toThrow(/agent, fetch, or headersFor/);
    expect(await service.list('user-alice')).toHaveLength(1);
  });

  test('sends its client nonce', async () => {
    const { app } = await listening({ options: { binding: { required: ['nonce'], nonceAtResources: true } } }, adapter);
    const alice = await signedIn(app, 'user-alice');
    await supertest(app.getHttpServer()).get('/orders').set(alice.headers).expect(200);
    await supertest(app.getHttpServer()).get('/orders').auth(alice.accessToken, { type: 'bearer' }).expect(401);
    await alice.agent.post('/auth/refresh').expect(200);
    await alice.refresh();
    await alice.agent.get('/orders').expect(200);
  });
});

describe('it says what is wrong', () => {
  test('if the user does not exist, or is no user', async () => {
    const { app } = await listening();
    await expect(signedIn(app, 'nobody')).rejects.toThrow(/no user with the id 'nobody'/);
    await expect(signedIn(app, {} as { id: string })).rejects.toThrow(/takes the id of a user/);
    await expect(signedIn(app, undefined as never)).rejects.toThrow(/takes the id of a user/);
  });

  test('if the session needs a binding that nobody asked for, or that a test cannot have', async () => {
    const requiredFor = () => ['dpop' as const];
    const { app } = await listening({ options: { binding: { requiredFor } } });
    await expect(signedIn(app, 'user-alice')).rejects.toThrow(/\{ dpop: true \}/);
    await (await signedIn(app, 'user-alice', { dpop: true })).agent.get('/orders').expect(200);
    const { app: other } = await listening({ options: { binding: { required: ['tls'] } } });
    await expect(signedIn(other, 'user-alice')).rejects.toThrow(/certificate/);
    const binding = { required: ['dpop' as const], dpop: { algorithms: ['EdDSA'] } };
    const { app: third } = await listening({ options: { binding } });
    await expect(signedIn(third, 'user-alice')).rejects.toThrow(/ES256.*binding.dpop.algorithms/);
  });

  test('if there is no AuthModule, no HTTP server, or no port', async () => {
    const empty = await Test.createTestingModule({}).compile();
    await expect(signedIn(empty, 'alice')).rejects.toThrow(/no AuthModule/);
    const module = await Test.createTestingModule({ imports: [AuthTestingModule.forRoot()] }).compile();
    const alice = await signedIn(await module.init(), 'alice');
    onTestFinished(() => module.close());
    expect(() => alice.agent).toThrow(/createNestApplication/);
    await expect(alice.fetch('/orders')).rejects.toThrow(/app.listen\(0\)/);
  });

  test('and never sends the tokens to another server', async () => {
    const { app } = await listening();
    const alice = await signedIn(app, 'user-alice');
    await expect(alice.fetch('https://elsewhere.example/orders')).rejects.toThrow(/only/);
    await expect(alice.fetch('//elsewhere.example/orders')).rejects.toThrow(/only/);
  });
});

test('a TestClock moves a real application too', async () => {
  const clock = new TestClock('2026-01-01T00:00:00Z');
  const { app } = await listening({ clock });
  const alice = await signedIn(app, 'user-alice');
  clock.advance('16m');
  expect((await alice.agent.get('/orders').expect(401)).body.error).toBe('token_expired');
  await alice.refresh();
  await alice.agent.get('/orders').expect(200);
  clock.advance('8d');
  await expect(app.get(RefreshTokenService).refresh(alice.refreshToken)).rejects.toMatchObject({
    code: 'invalid_grant',
  });
});

test('cookies of the host are kept and removed, too', async () => {
  @Controller('basket')
  class Basket {
    @Get()
    read(@Req() { headers }: { headers: Record<string, string> }) {
      return { cookie: headers.cookie };
    }

    @Get('fill')
    @Header('Set-Cookie', 'basket=7; Path=/; Secure')
    fill() {}

    @Get('empty')
    @Header('Set-Cookie', 'basket=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
    empty() {}
  }
  const { app } = await listening({ controllers: [Basket] });
  const alice = await signedIn(app, 'user-alice', { transport: 'body' });
  await alice.agent.get('/basket/fill').expect(200);
  await alice.agent.get('/basket').expect(200, { cookie: 'basket=7' });
  await alice.fetch('/basket/empty');
  await alice.agent.get('/basket').expect(200, {});
});

test('AuthModule is the module of both', () => {
  expect(AuthTestingModule.forRoot().module).toBe(AuthModule);
});
