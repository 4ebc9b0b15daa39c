import * as library from 'nestjs-refresh-token';
import * as sockets from 'nestjs-refresh-token/sockets';
import * as typeorm from 'nestjs-refresh-token/typeorm';
import type {
  AuthError,
  AuthResponder,
  ImpersonationService,
  RefreshTokenService,
  StepUpService,
} from 'nestjs-refresh-token';
import {
  type AuthenticatedUser,
  type AuthErrorCode,
  AuthModule,
  type AuthModuleOptions,
  type AuthUser,
  type IssuedTokens,
  type SessionSummary,
  type UserProvider,
} from 'nestjs-refresh-token';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { HostUsers, SECRET } from '../support/auth-app.js';

/** The compiler checks these, by `npm run typecheck`; what is wrongly accepted fails there. */
describe('the types of the public surface', () => {
  test('AuthModule takes options, and the extras that decide its shape', () => {
    expectTypeOf(AuthModule.forRoot).toBeCallableWith({ userProvider: HostUsers, secret: SECRET });
    expectTypeOf(AuthModule.forRootAsync).toBeCallableWith({
      userProvider: HostUsers,
      routePrefix: 'staff/auth',
      useFactory: async (secret: string) => ({ secret }),
    });
    // @ts-expect-error the secret is missing
    expectTypeOf(AuthModule.forRoot).toBeCallableWith({ userProvider: HostUsers });
    // @ts-expect-error a duration is a text with a unit
    expectTypeOf<AuthModuleOptions>().toExtend<{ accessToken?: { ttl: number } }>();
    // @ts-expect-error there is no such option
    const options: AuthModuleOptions = { secret: SECRET, acessToken: {} };
    expect(options).toBeDefined();
  });

  test('what the host provides', () => {
    expectTypeOf<UserProvider['loadUser']>().toEqualTypeOf<(id: string) => Promise<AuthUser | null>>();
    expectTypeOf<HostUsers>().toExtend<UserProvider>();
    // @ts-expect-error a user without roles
    expectTypeOf<{ id: string }>().toExtend<AuthUser>();
  });

  test('a user whose claims are an interface can be signed in, and can act as a user', () => {
    interface Tenancy {
      tenant_id: string;
    }
    expectTypeOf<AuthUser<Tenancy>>().toExtend<Parameters<AuthResponder['signIn']>[0]>();
    expectTypeOf<AuthUser<Tenancy>>().toExtend<Parameters<RefreshTokenService['issue']>[0]>();
    expectTypeOf<AuthenticatedUser<Tenancy>>().toExtend<Parameters<ImpersonationService['begin']>[0]>();
    expectTypeOf<AuthenticatedUser<Tenancy>>().toExtend<Parameters<StepUpService['reauthenticate']>[0]>();
  });

  test('what sessions are', () => {
    expectTypeOf<RefreshTokenService['refresh']>().returns.resolves.toEqualTypeOf<IssuedTokens>();
    expectTypeOf<RefreshTokenService['list']>().returns.resolves.toEqualTypeOf<SessionSummary[]>();
    expectTypeOf<RefreshTokenService['revokeAllOfUser']>().returns.resolves.toBeNumber();
    expectTypeOf<SessionSummary>().not.toHaveProperty('tokenHash');
  });

  test('what handlers get cannot be changed', () => {
    expectTypeOf<AuthenticatedUser['roles']>().toEqualTypeOf<readonly string[]>();
  });

  test('errors have codes that a switch can exhaust', () => {
    expectTypeOf<AuthError['code']>().toEqualTypeOf<AuthErrorCode>();
    expectTypeOf<'invalid_grant'>().toExtend<AuthErrorCode>();
    // @ts-expect-error not one of them
    expectTypeOf<'no_such_code'>().toExtend<AuthErrorCode>();
  });

  test('the names that hosts rely on are there', () => {
    for (const name of [
      'AuthModule',
      'RefreshTokenService',
      'JwtAuthGuard',
      'RefreshTokenGuard',
      'RolesGuard',
      'PermissionsGuard',
      'ScopesGuard',
      'Public',
      'Roles',
      'Permissions',
      'Scopes',
      'CurrentUser',
      'JwtStrategy',
      'RefreshTokenStrategy',
      'AuthExceptionFilter',
      'AuthError',
      'AuthEventBus',
      'GuardOf',
      'InjectAuth',
      'authCors',
    ]) {
      expect(library, name).toHaveProperty(name);
    }
    expect(sockets).toHaveProperty('SocketSessions');
    for (const name of ['RefreshToken', 'refreshTokenEntities', 'refreshTokenMigrations']) {
      expect(typeorm, name).toHaveProperty(name);
    }
  });
});
