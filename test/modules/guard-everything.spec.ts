import { Controller, Get, type InjectionToken, Logger, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  type AuthenticatedUser,
  authToken,
  CurrentUser,
  GuardOf,
  JwtAuthGuard,
  Public,
  Roles,
  RolesGuard,
} from 'nestjs-refresh-token';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, send } from '../support/http.js';
import { ALICE, host } from '../support/staff-host.js';
import { TABLES, usersAndStaff } from '../support/staff.js';

const idOf = (user?: AuthenticatedUser) => ({ id: user?.id ?? null });

@Controller()
class ShopController {
  @Get('shop')
  shop(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @Get('window')
  window(@CurrentUser() user?: AuthenticatedUser) {
    return idOf(user);
  }

  @UseGuards(GuardOf(JwtAuthGuard, 'staff'), RolesGuard)
  @Get('stock')
  @Roles('clerk')
  stock(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @UseGuards(GuardOf(JwtAuthGuard, 'staff'))
  @Get('till')
  till(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @UseGuards(GuardOf(RolesGuard, 'staff'))
  @Get('counter')
  counter(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }
}

@Controller('back-office')
@UseGuards(GuardOf(JwtAuthGuard, 'staff'))
class BackOfficeController {
  @Get()
  mine(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @Get('address')
  address(@CurrentUser() user?: AuthenticatedUser) {
    return idOf(user);
  }

  @UseGuards(JwtAuthGuard)
  @Get('both')
  both(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }
}

@Public()
@UseGuards(GuardOf(JwtAuthGuard, 'staff'))
@Controller('cellar')
class CellarController {
  @Get()
  mine(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }
}

describe.each(adapters)('one guard for everything, and a second AuthModule (%s)', (adapter) => {
  const start = async (...guards: InjectionToken[]) => {
    const { url } = await host(adapter, {
      ...TABLES,
      imports: usersAndStaff(),
      controllers: [ShopController, BackOfficeController, CellarController],
      providers: guards.map((guard) => ({ provide: APP_GUARD, useExisting: guard })),
    });
    const login = async (prefix: string, password: string) =>
      (await send<AuthBody>('POST', `${url}/${prefix}/login`, { body: { ...ALICE, password } })).body.access_token;
    const user = bearer(await login('auth', 'alice-password'));
    const staff = bearer(await login('staff/auth', 'staff-password'));
    const statuses = async (path: string) => {
      const asked = [user, staff, {}].map((headers) => send('GET', url + path, { headers }));
      return (await Promise.all(asked)).map(({ status }) => status);
    };
    return { url, statuses };
  };

  test.each([
    ['/shop', [200, 401, 401]],
    ['/window', [200, 200, 200]],
    ['/auth/me', [200, 401, 401]],
    ['/auth/sessions', [200, 401, 401]],
    ['/staff/auth/me', [401, 200, 401]],
    ['/staff/auth/sessions', [401, 200, 401]],
    ['/stock', [401, 200, 401]],
    ['/till', [401, 200, 401]],
    ['/cellar', [401, 200, 401]],
    ['/back-office', [401, 200, 401]],
    ['/back-office/address', [200, 200, 200]],
    // No token is good for two guards, and another guard of staff is not one that knows who comes.
    ['/back-office/both', [401, 401, 401]],
    ['/counter', [200, 401, 401]],
  ])('%s is for users, staff, anybody: %j', async (path, expected) => {
    const { statuses } = await start(JwtAuthGuard);
    expect(await statuses(path)).toEqual(expected);
  });

  test('a global guard of roles refuses a route with a guard of its own, and says in the log how to fix it', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    onTestFinished(() => warn.mockRestore());
    const { statuses } = await start(JwtAuthGuard, RolesGuard);
    // Roles are asked for before the guard of staff has found anybody; where none are asked for, it does not matter.
    expect(await statuses('/stock')).toEqual([401, 401, 401]);
    expect(await statuses('/back-office')).toEqual([401, 200, 401]);
    const said = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('RolesGuard'));
    expect(said).toEqual([
      expect.stringMatching(
        /^ShopController\.stock: no guard that ran before RolesGuard has found a user\. .*@UseGuards\(/,
      ),
    ]);
  });

  test('it may be that of the one with a name', async () => {
    const { statuses } = await start(authToken(JwtAuthGuard, 'staff'));
    expect(await statuses('/shop')).toEqual([401, 200, 401]);
    expect(await statuses('/stock')).toEqual([401, 200, 401]);
    expect(await statuses('/till')).toEqual([401, 200, 401]);
    expect(await statuses('/auth/me')).toEqual([200, 401, 401]);
    expect(await statuses('/staff/auth/me')).toEqual([401, 200, 401]);
  });
});
