import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule, JwtAuthGuard, type UserProvider } from 'nestjs-refresh-token';
import { browserFamily, clientHints, platform } from 'nestjs-refresh-token/binding';
import { refreshTokenEntities } from 'nestjs-refresh-token/typeorm';
import { redisReplayStore } from 'nestjs-refresh-token/redis';
import { hashPassword, verifyPassword } from '../../src/demo/users/passwords.js';

/**
 * A server that binds sessions in every way that it is asked to, with one user who costs nothing. Configured by environment
 * variables: `DATABASE_URL` (migrated), `AUTH_SECRET`, `PORT`, `REDIS_URL`, `FINGERPRINT=1` to recognise devices, `HASH=1` to
 * check the password, and `PASSWORD_CHECKS`, how many of that at once.
 */
const { DATABASE_URL, AUTH_SECRET, PORT, REDIS_URL, FINGERPRINT, HASH, PASSWORD_CHECKS } = process.env;

const hash = HASH && (await hashPassword('bench'));

class OneUser implements UserProvider {
  private readonly user = { id: 'bench', roles: ['user'], credentialsVersion: '1' };
  validateCredentials = async (_username: string, password: string) =>
    !hash || (await verifyPassword(hash, password)) ? this.user : null;
  loadUser = async () => this.user;
}

@Module({ providers: [OneUser], exports: [OneUser] })
class OneUserModule {}

@Controller()
class HealthController {
  @Get('health')
  health() {
    return { status: 'ok' };
  }
}

@Controller()
@UseGuards(JwtAuthGuard)
class GuardedController {
  @Get('guarded')
  guarded() {
    return { id: 1, name: 'a small resource' };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, entities: refreshTokenEntities }),
    AuthModule.forRoot({
      imports: [OneUserModule],
      userProvider: OneUser,
      secret: AUTH_SECRET!,
      ...(PASSWORD_CHECKS && { concurrentPasswordChecks: Number(PASSWORD_CHECKS) }),
      binding: {
        dpop: { replayStore: REDIS_URL === undefined ? undefined : redisReplayStore({ url: REDIS_URL }) },
        tls: { trustedProxies: ['loopback'] },
        fingerprint: FINGERPRINT ? { signals: { browserFamily, platform, clientHints } } : undefined,
      },
    }),
  ],
  controllers: [HealthController, GuardedController],
})
class BoundModule {}

const app = await NestFactory.create(BoundModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(PORT!);
