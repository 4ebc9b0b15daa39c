import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Logger,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  AccessTokenService,
  JwtAuthGuard,
  Permissions,
  PermissionsGuard,
  Scopes,
  ScopesGuard,
} from 'nestjs-refresh-token';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { bearer, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';

@Controller('orders')
@UseGuards(JwtAuthGuard, ScopesGuard, PermissionsGuard)
@Scopes('orders:read')
class OrdersController {
  @Get()
  list() {
    return {};
  }

  @Get('written')
  @Scopes('orders:read', 'orders:write')
  written() {
    return {};
  }

  @Get('stacked')
  @Scopes('orders:read')
  @Scopes('orders:write')
  stacked() {
    return {};
  }

  @Get('exported')
  @Scopes('orders:write')
  @Permissions('users:write')
  exported() {
    return {};
  }
}

@Controller('users')
@UseGuards(JwtAuthGuard, PermissionsGuard)
@Permissions('users:write')
class UsersController {
  @Get()
  list() {
    return {};
  }

  @Get('removed')
  @Permissions('users:write', 'users:delete')
  removed() {
    return {};
  }

  @Get('stacked')
  @Permissions('users:write')
  @Permissions('users:delete')
  stacked() {
    return {};
  }
}

/** A filter of the host, which knows nothing of the headers of an error. */
@Catch(HttpException)
class OwnFilter implements ExceptionFilter {
  catch(error: HttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: object): void } }>();
    response.status(error.getStatus()).send({ own: true });
  }
}

@Controller('own')
class OwnController {
  @Get('scopes')
  @UseGuards(ScopesGuard, JwtAuthGuard)
  @Scopes('orders:read')
  scopes() {
    return {};
  }

  @Get('permissions')
  @UseGuards(PermissionsGuard, JwtAuthGuard)
  @Permissions('users:write')
  permissions() {
    return {};
  }

  @Get('own-filter')
  @UseGuards(JwtAuthGuard, ScopesGuard)
  @UseFilters(OwnFilter)
  @Scopes('orders:write')
  filtered() {
    return {};
  }
}

for (const adapter of adapters) {
  const controllers = [OrdersController, UsersController, OwnController];
  const options = { refreshToken: { scopes: ['orders:read', 'orders:write', 'orders:reads'] } };

  describe(`@Scopes (${adapter})`, () => {
    const app = listening(adapter, { controllers, options });
    const get = async (path: string, scope?: string, username = 'admin') => {
      const { accessToken } = await signIn(app, { username, scope });
      return send('GET', app.url + path, { headers: bearer(accessToken) });
    };

    test('lets a token pass that has all of them', async () => {
      expect((await get('/orders', 'orders:read')).status).toBe(200);
      expect((await get('/orders', 'orders:write orders:read')).status).toBe(200);
      expect((await get('/orders/written', 'orders:write orders:read')).status).toBe(200);
    });

    test.each([
      ['/orders', undefined, 'orders:read'],
      ['/orders', 'orders:write', 'orders:read'],
      ['/orders', 'orders:reads', 'orders:read'],
      ['/orders/written', 'orders:read', 'orders:read orders:write'],
      // One decorator upon another adds to it.
      ['/orders/stacked', 'orders:read', 'orders:write orders:read'],
      ['/orders/stacked', 'orders:write', 'orders:write orders:read'],
      // The handler's own replaces that of its class.
      ['/orders/exported', 'orders:read', 'orders:write'],
    ])('refuses at %s a token with %s, and says what is needed', async (path, scope, needed) => {
      const answer = await get(path, scope);
      expect(answer).toMatchObject({
        status: 403,
        body: { error: 'insufficient_scope', error_description: expect.any(String) },
      });
      expect(answer.headers.get('www-authenticate')).toBe(`Bearer error="insufficient_scope", scope="${needed}"`);
    });

    test('is asked for in addition to @Permissions', async () => {
      expect((await get('/orders/exported', 'orders:write')).status).toBe(200);
      expect((await get('/orders/exported', 'orders:write', 'alice')).body).toMatchObject({ error: 'forbidden' });
      expect((await get('/orders/exported', 'orders:read', 'alice')).body).toMatchObject({
        error: 'insufficient_scope',
      });
    });

    test('names the scheme of a token that is bound to a key', async () => {
      const client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
      const credentials = { username: 'alice', password: 'alice-password', transport: 'body' as const };
      const { body } = await client.login(credentials);
      const answer = await client.get('/orders', body.access_token);
      expect(answer.status).toBe(403);
      expect(answer.headers.get('www-authenticate')).toBe('DPoP error="insufficient_scope", scope="orders:read"');
    });

    test('sends the challenge past a filter of the host', async () => {
      const answer = await get('/own/own-filter', 'orders:read');
      expect(answer).toMatchObject({ status: 403, body: { own: true } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="orders:write"');
    });

    test.each([['orders:read'], { 'orders:read': true }, new Set(['orders:read']), 'ORDERS:READ', null, undefined, 1])(
      'is not met by a token whose scope is %j',
      async (scope) => {
        const session = {
          id: crypto.randomUUID(),
          clientId: 'x',
          scope: scope as never,
          generation: 0,
          expiresAt: 9e15,
        };
        const { accessToken } = app.module.get(AccessTokenService).mint({ id: 'user-alice', roles: [] }, session);
        const answer = await send('GET', `${app.url}/orders`, { headers: bearer(accessToken) });
        expect([401, 403]).toContain(answer.status);
      },
    );
  });

  describe(`@Permissions (${adapter})`, () => {
    const app = listening(adapter, { controllers, options });
    const get = async (path: string, username: string) => {
      const { accessToken } = await signIn(app, { username });
      return send('GET', app.url + path, { headers: bearer(accessToken) });
    };

    test('lets a user pass who has all of them', async () => {
      expect((await get('/users', 'admin')).status).toBe(200);
    });

    test.each([
      ['/users', 'alice'],
      ['/users/removed', 'alice'],
      ['/users/removed', 'admin'],
      ['/users/stacked', 'alice'],
      ['/users/stacked', 'admin'],
    ])('refuses at %s, %s who lacks one, without a challenge', async (path, username) => {
      const answer = await get(path, username);
      expect(answer).toMatchObject({ status: 403, body: { error: 'forbidden' } });
      expect(answer.headers.get('www-authenticate')).toBeNull();
    });

    test.each(['users:write', 'not users:write', { includes: () => true }, null, undefined])(
      'is not met by a token whose permissions are %j',
      async (permissions) => {
        const session = { id: crypto.randomUUID(), clientId: 'x', scope: '', generation: 0, expiresAt: 9e15 };
        const user = { id: 'user-alice', roles: [], permissions: permissions as never };
        const { accessToken } = app.module.get(AccessTokenService).mint(user, session);
        const answer = await send('GET', `${app.url}/users`, { headers: bearer(accessToken) });
        expect([401, 403]).toContain(answer.status);
      },
    );
  });

  describe(`a guard before the one that finds the user (${adapter})`, () => {
    const app = listening(adapter, { controllers, options });

    test.each([
      ['scopes', 'ScopesGuard'],
      ['permissions', 'PermissionsGuard'],
    ])('of %s refuses everybody, and the log says once how to order them', async (route, guard) => {
      const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      onTestFinished(() => warn.mockRestore());
      const { accessToken } = await signIn(app, { username: 'admin', scope: 'orders:read' });
      for (let time = 0; time < 2; time++) {
        const answer = await send('GET', `${app.url}/own/${route}`, { headers: bearer(accessToken) });
        expect(answer).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
      }
      const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes(guard));
      expect(lines).toEqual([expect.stringContaining(`@UseGuards(JwtAuthGuard, ${guard})`)]);
    });
  });
}

describe('a decorator that cannot be met, or that everybody would meet', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['@Scopes()', () => Scopes(), /@Scopes\(\) is empty. Name at least one/],
    ['two scopes in one text', () => Scopes('orders:read orders:write'), /@Scopes\(\): a scope consists of/],
    ['a scope with a quote', () => Scopes('orders"'), /@Scopes\(\): a scope consists of/],
    ['an empty scope', () => Scopes(''), /@Scopes\(\) must be a list/],
    ['a list as one scope', () => Scopes(['orders:read'] as never), /@Scopes\(\) must be a list/],
    ['@Permissions()', () => Permissions(), /@Permissions\(\) is empty. Name at least one/],
    ['an empty permission', () => Permissions('users:write', ''), /@Permissions\(\) must be a list/],
    ['an undefined permission', () => Permissions(undefined as never), /@Permissions\(\) must be a list/],
  ])('is refused when the class is loaded: %s', (_, decorate, message) => {
    expect(decorate).toThrow(message);
  });
});
