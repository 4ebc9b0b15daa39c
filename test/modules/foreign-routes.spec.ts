import {
  ConflictException,
  Controller,
  ForbiddenException,
  Get,
  type MiddlewareConsumer,
  Module,
  NotFoundException,
  Post,
  VersioningType,
} from '@nestjs/common';
import { APP_FILTER, RouterModule } from '@nestjs/core';
import { AuthExceptionFilter, AuthModule } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { send } from '../support/http.js';
import { HOST, host } from '../support/staff-host.js';

@Controller()
class ShopController {
  @Get('orders')
  orders(): never {
    throw new ConflictException('sold out');
  }

  @Post('vendor/auth/login')
  vendor(): never {
    throw new ConflictException('of the vendor');
  }

  @Get('auth/avatar')
  avatar(): never {
    throw new NotFoundException('no picture');
  }
}

@Module({})
class ClosedModule {
  configure(consumer: MiddlewareConsumer): void {
    const closed = () => {
      throw new ForbiddenException({ code: 'closed' });
    };
    consumer.apply(closed).forRoutes('auth/avatar');
  }
}

const providers = [{ provide: APP_FILTER, useClass: AuthExceptionFilter }];
const auth = (options = {}) => AuthModule.forRoot({ ...HOST, secret: SECRET, ...options });
const unreadable = (url: string) =>
  send('POST', url, { headers: { 'content-type': 'application/json' }, text: '{"username":' });
const OURS = { status: 400, body: { error: 'invalid_request' } };

describe.each(adapters)('AuthExceptionFilter for the whole application (%s)', (adapter) => {
  test.each([
    ['GET', '/orders?next=/auth/login', 'sold out'],
    ['POST', '/vendor/auth/login', 'of the vendor'],
  ])('leaves %s %s to the host', async (method, path, message) => {
    const { url } = await host(adapter, { imports: [auth()], controllers: [ShopController], providers });
    expect(await send(method, url + path)).toMatchObject({ status: 409, body: { message } });
  });

  test('answers what is nobody’s below the prefix like every other error there, and leaves all else to the host', async () => {
    const { url } = await host(adapter, { imports: [auth()], controllers: [ShopController], providers });
    const nobodys = { status: 404, body: { error: 'not_found', error_description: expect.any(String) as string } };
    for (const [method, path] of [
      ['GET', '/auth'],
      ['GET', '/auth/nothing?a=b'],
      ['POST', '/auth/sessions/x/y'],
      ['OPTIONS', '/auth/refresh/'],
    ] as const) {
      const answer = await send(method, url + path);
      expect(answer, path).toEqual({ ...nobodys, headers: expect.anything() as Headers });
      expect(answer.headers.get('cache-control'), path).toBe('no-store');
    }
    const avatar = await send('GET', `${url}/auth/avatar`);
    expect(avatar).toMatchObject({ status: 404, body: { message: 'no picture' } });
    for (const path of ['/authentic', '/nothing', '/shop/auth/x']) {
      expect(await send('GET', url + path), path).toMatchObject({ status: 404, body: { error: 'Not Found' } });
    }
  });

  test('leaves to the host what its middleware throws before a route of its own below the prefix', async () => {
    const { url } = await host(adapter, { imports: [auth(), ClosedModule], controllers: [ShopController], providers });
    expect(await send('GET', `${url}/auth/avatar`)).toMatchObject({ status: 403, body: { code: 'closed' } });
  });

  test('answers what is nobody’s below a global prefix, too, be it a parameter', async () => {
    for (const [prefix, path] of [
      ['api', '/api/auth/nothing'],
      [':tenant', '/acme/auth/nothing'],
    ]) {
      const { url } = await host(adapter, {
        imports: [auth()],
        providers,
        configure: (app) => app.setGlobalPrefix(prefix),
      });
      expect(await send('GET', url + path), path).toMatchObject({ status: 404, body: { error: 'not_found' } });
    }
  });

  test('knows its own routes below a global prefix and a version, and no others', async () => {
    const { url } = await host(adapter, {
      imports: [auth({ version: ['1', '2'] })],
      providers,
      configure: (app) => app.setGlobalPrefix('/api/').enableVersioning({ type: VersioningType.URI }),
    });
    for (const path of ['/api/v1/auth/login', '/api/v2/auth/login', '/api/v2/auth/login/?x=y']) {
      expect(await unreadable(url + path), path).toMatchObject(OURS);
    }
    const elsewhere = await unreadable(`${url}/auth/login`);
    expect(elsewhere.body).not.toMatchObject(OURS.body);
  });

  test('knows them where the global prefix leaves them out, and where RouterModule has put them', async () => {
    const excluded = await host(adapter, {
      imports: [auth()],
      providers,
      configure: (app) => app.setGlobalPrefix('api', { exclude: ['auth/*path'] }),
    });
    expect(await unreadable(`${excluded.url}/auth/login`)).toMatchObject(OURS);

    const routed = await host(adapter, {
      imports: [auth(), RouterModule.register([{ path: 'shop', module: AuthModule }])],
      providers,
    });
    expect(await unreadable(`${routed.url}/shop/auth/login`)).toMatchObject(OURS);
  });
});

test('they may be written in capitals, where Express takes them so', async () => {
  const { url } = await host('express', { imports: [auth()], providers });
  expect(await unreadable(`${url}/AUTH/LOGIN`)).toMatchObject(OURS);
});
