// Plain JavaScript, so that it runs as it is in any Nest and any runner. For CommonJS the imports are rewritten.
import 'reflect-metadata';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JwtAuthGuard, RefreshTokenService, Roles, RolesGuard } from 'nestjs-refresh-token';
import { AuthTestingModule, signedIn, TestClock, trustUser } from 'nestjs-refresh-token/testing';
import request from 'supertest';

class Orders {
  mine() {
    return [];
  }

  all() {
    return [];
  }
}
const method = (decorator, name) =>
  decorator(Orders.prototype, name, Object.getOwnPropertyDescriptor(Orders.prototype, name));
method(Get(), 'mine');
method(Get('all'), 'all');
method(Roles('admin'), 'all');
UseGuards(JwtAuthGuard, RolesGuard)(Orders);
Controller('orders')(Orders);

describe('the orders', () => {
  let moduleRef;
  let app;

  beforeEach(async () => {
    moduleRef = await Test.createTestingModule({
      imports: [AuthTestingModule.forRoot()],
      controllers: [Orders],
    }).compile();
    app = moduleRef.createNestApplication();
    await app.listen(0, '127.0.0.1');
  });
  afterEach(() => app.close());

  it('are for users who are signed in', async () => {
    await request(app.getHttpServer()).get('/orders').expect(401);
    const alice = await signedIn(app, 'alice');
    await request(app.getHttpServer()).get('/orders').set(alice.headers).expect(200);
    await alice.agent.get('/orders').expect(200);
    await alice.agent.get('/orders/all').expect(403);
    expect((await alice.fetch('/orders')).status).toBe(200);
  });

  it('are refused after 15 minutes, until the next refresh', async () => {
    const alice = await signedIn(app, { id: 'alice', roles: ['admin'] });
    app.get(TestClock).advance('16m');
    const { body } = await alice.agent.get('/orders/all').expect(401);
    expect(body.error).toBe('token_expired');
    await alice.agent.post('/auth/refresh').expect(200);
    await alice.refresh();
    await alice.agent.get('/orders/all').expect(200);
    await app.get(RefreshTokenService).revokeAllOfUser('alice', 'logout_all');
    await alice.agent.get('/orders/all').expect(401);
  });

  it('trust a user of the test', async () => {
    const caller = trustUser(moduleRef, { id: 'bob' });
    await request(app.getHttpServer()).get('/orders').expect(200);
    await request(app.getHttpServer()).get('/orders/all').expect(403);
    caller.become({ id: 'carol', roles: ['admin'] });
    await request(app.getHttpServer()).get('/orders/all').expect(200);
  });
});
