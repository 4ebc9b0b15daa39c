import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Controller,
  Delete,
  Get,
  type INestApplication,
  Injectable,
  type ModuleMetadata,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  type AuthenticatedUser,
  CurrentUser,
  GuardOf,
  JwtAuthGuard,
  Permissions,
  PermissionsGuard,
  Public,
  Roles,
  RolesGuard,
  StepUp,
} from 'nestjs-refresh-token';
import {
  AuthTestingModule,
  TestClock,
  type TrustedCaller,
  type TrustedTestUser,
  trustUser,
  type TrustUserOptions,
} from 'nestjs-refresh-token/testing';
import supertest from 'supertest';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { overGraphql, overHttp, overSocketIo } from '../support/context-calls.js';
import { Gateway, GLOBAL, GraphqlResolver, HttpController } from '../support/context-host.js';

@Controller('orders')
@UseGuards(JwtAuthGuard, RolesGuard, PermissionsGuard)
class Orders {
  @Get()
  mine(@CurrentUser() user: AuthenticatedUser) {
    return user;
  }

  @Roles('admin')
  @Get('all')
  all() {
    return [];
  }

  @Permissions('orders:write')
  @Get('new')
  create() {
    return {};
  }
}

const alone = () => ({ imports: [AuthTestingModule.forRoot()], controllers: [Orders] });

/** The application, and who the requests come from. */
async function trusting(
  metadata: ModuleMetadata,
  user: TrustedTestUser,
  { fastify = false, ...options }: { fastify?: boolean } & TrustUserOptions = {},
): Promise<{ app: INestApplication; http: ReturnType<typeof supertest>; caller: TrustedCaller }> {
  const module = await Test.createTestingModule(metadata).compile();
  const caller = trustUser(module, user, options);
  const app = fastify ? module.createNestApplication(new FastifyAdapter()) : module.createNestApplication();
  app.useWebSocketAdapter(new IoAdapter(app));
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { app, http: supertest(app.getHttpServer()), caller };
}

afterEach(() => vi.unstubAllEnvs());

describe.each(adapters)('a test user, on %s', (adapter) => {
  test('is the user of the requests, and the other guards decide as ever', async () => {
    const fastify = adapter === 'fastify';
    const { http, caller } = await trusting(alone(), { id: 'alice', roles: ['admin'] }, { fastify });

    await http.get('/orders/all').expect(200);
    await http.get('/orders/new').expect(403);
    caller.become({ id: 'bob', permissions: ['orders:write'] });
    await http.get('/orders/all').expect(403);
    await http.get('/orders/new').expect(200);
    caller.signOut();
    const { body } = await http.get('/orders').expect(401);
    expect(body.error).toBe('unauthorized');
  });
});

describe('the user of a request', () => {
  test('is complete', async () => {
    const { http } = await trusting(alone(), { id: 'alice', clientId: 'ios' });
    const { body } = await http.get('/orders').expect(200);
    const now = Math.floor(Date.now() / 1000);
    expect(body).toEqual({
      id: 'alice',
      roles: [],
      permissions: [],
      sessionId: expect.stringMatching(/^[\da-f-]{36}$/),
      clientId: 'ios',
      scope: '',
      generation: 0,
      expiresAt: expect.closeTo(now + 900, -1),
      authTime: expect.closeTo(now, -1),
      amr: [],
      claims: {},
    });
  });

  test('has signed in by the clock of the application', async () => {
    @Controller('account')
    class Account {
      @StepUp('5m')
      @UseGuards(JwtAuthGuard)
      @Delete()
      remove() {
        return {};
      }
    }
    const imports = [AuthTestingModule.forRoot({ clock: new TestClock('2030-01-01T00:00:00Z') })];
    const { app, http, caller } = await trusting({ imports, controllers: [Account] }, { id: 'alice' });
    await http.delete('/account').expect(200);
    app.get(TestClock).advance('6m');
    await http.delete('/account').expect(401);
    caller.become({ id: 'alice' });
    await http.delete('/account').expect(200);
  });

  test('is nobody on a public route', async () => {
    @Public()
    @Controller('news')
    class News {
      @Get()
      read(@CurrentUser() user?: AuthenticatedUser) {
        return { user: user ?? null };
      }
    }
    const providers = [{ provide: APP_GUARD, useClass: JwtAuthGuard }];
    const { http } = await trusting({ ...alone(), controllers: [News, Orders], providers }, { id: 'alice' });
    await http.get('/news').expect(200, { user: null });
    await http.get('/orders').expect(200);
  });
});

describe('with several modules', () => {
  @Controller('back-office')
  @UseGuards(GuardOf(JwtAuthGuard, 'staff'), RolesGuard)
  class BackOffice {
    @Roles('clerk')
    @Get()
    all() {
      return [];
    }
  }

  const metadata = () => ({
    imports: [
      AuthTestingModule.forRoot(),
      AuthTestingModule.forRoot({ name: 'staff', routePrefix: 'staff/auth', cookie: { name: '__Host-staff' } }),
    ],
    controllers: [Orders, BackOffice],
    providers: [{ provide: APP_GUARD, useExisting: JwtAuthGuard }],
  });

  test('every guard trusts the user', async () => {
    const { http } = await trusting(metadata(), { id: 'carol', roles: ['clerk'] });
    await http.get('/back-office').expect(200);
    await http.get('/orders').expect(200);
  });

  test('or the guard of one module alone', async () => {
    const { http } = await trusting(metadata(), { id: 'carol', roles: ['clerk'] }, { name: 'staff' });
    await http.get('/back-office').expect(200);
    await http.get('/orders').expect(401);
  });
});

test('a guard that extends JwtAuthGuard trusts the user, until it is released', async () => {
  @Injectable()
  class OwnGuard extends JwtAuthGuard {}
  @Controller('own')
  @UseGuards(OwnGuard)
  class Own {
    @Get()
    mine(@CurrentUser() user: AuthenticatedUser) {
      return { of: user.id };
    }
  }
  const { http, caller } = await trusting({ ...alone(), controllers: [Own] }, { id: 'alice' });
  await http.get('/own').expect(200, { of: 'alice' });
  caller.release();
  await http.get('/own').expect(401);
});

test('GraphQL, sockets and HTTP have the same user', async () => {
  const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true });
  const imports = [AuthTestingModule.forRoot(), graphql];
  const providers = [...GLOBAL, GraphqlResolver, Gateway];
  const { app, caller } = await trusting({ imports, controllers: [HttpController], providers }, { id: 'alice' });
  const url = await app.getUrl();
  for (const call of [overHttp, overGraphql, overSocketIo]) {
    caller.become({ id: 'alice' });
    expect(await call(url, 'mine')).toEqual({ id: 'alice' });
    expect(await call(url, 'admins')).toMatchObject({ error: 'forbidden' });
    expect(await call(url, 'open')).toEqual({ id: null });
    caller.become({ id: 'bob', roles: ['admin'] });
    expect(await call(url, 'admins')).toEqual({ id: 'bob' });
    caller.signOut();
    expect(await call(url, 'mine')).toMatchObject({ error: 'unauthorized' });
  }
});

describe('it refuses', () => {
  test('to be in production', async () => {
    const module = await Test.createTestingModule(alone()).compile();
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => trustUser(module, { id: 'alice' })).toThrow(/trustUser.*NODE_ENV is 'production'/);
  });

  test('an application without an AuthModule, or without one of that name', async () => {
    const empty = await Test.createTestingModule({}).compile();
    expect(() => trustUser(empty, { id: 'alice' })).toThrow(/trustUser: .*no AuthModule/);
    const module = await Test.createTestingModule(alone()).compile();
    expect(() => trustUser(module, { id: 'alice' }, { name: 'staff' })).toThrow(/no AuthModule with the name 'staff'/);
  });

  test.each([
    ['a user without an id', {}, /needs an id/],
    ['an empty id', { id: '' }, /needs an id/],
    ['roles as a text', { id: 'alice', roles: 'admin' }, /roles must be a list/],
    ['permissions with a number', { id: 'alice', permissions: [7] }, /permissions must be a list/],
    ['scopes as a list', { id: 'alice', scope: ['read'] }, /scope must be a string/],
  ])('%s', async (_, user, message) => {
    const module = await Test.createTestingModule(alone()).compile();
    expect(() => trustUser(module, user as TrustedTestUser)).toThrow(message);
  });
});
