import { Injectable, Module } from '@nestjs/common';
import { AuthModule, type AuthModuleOptions, type UserProvider } from 'nestjs-refresh-token';
import {
  RefreshTokenColumns,
  refreshTokenEntities,
  refreshTokenMigrations,
  refreshTokenMigrationsFor,
  RefreshTokenTable,
} from 'nestjs-refresh-token/typeorm';
import { SECRET } from './auth-app.js';
import { HOST } from './staff-host.js';

@RefreshTokenTable('staff_refresh_tokens')
export class StaffRefreshToken extends RefreshTokenColumns {}

const CLERK = { id: 'user-alice', roles: ['clerk'] };

/** One clerk, with the name and the id of a user who is somebody else. */
@Injectable()
class StaffUsers implements UserProvider {
  async validateCredentials(username: string, password: string) {
    return username === 'alice' && password === 'staff-password' ? CLERK : null;
  }

  async loadUser(id: string) {
    return id === CLERK.id ? CLERK : null;
  }
}

@Module({ providers: [StaffUsers], exports: [StaffUsers] })
class StaffUsersModule {}

export const TABLES = {
  entities: [...refreshTokenEntities, StaffRefreshToken],
  migrations: [...refreshTokenMigrations, ...refreshTokenMigrationsFor(StaffRefreshToken)],
};

/** Users at `/auth`, staff at `/staff/auth`. */
export function usersAndStaff(options: Partial<AuthModuleOptions> = {}) {
  const purge = { interval: '0s' };
  return [
    AuthModule.forRoot({ ...HOST, secret: SECRET, purge, ...options }),
    AuthModule.forRoot({
      name: 'staff',
      imports: [StaffUsersModule],
      userProvider: StaffUsers,
      secret: 'mQ4-staff-only-Hs8dK2pW6yB9vN3xC7fJ1t',
      entity: StaffRefreshToken,
      routePrefix: 'staff/auth',
      purge,
      ...options,
      cookie: { name: '__Host-staff_refresh_token' },
    }),
  ];
}
