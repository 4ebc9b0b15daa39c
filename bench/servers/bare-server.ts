import { Body, Controller, Get, HttpCode, Inject, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessTokenService, AuthModule, JwtAuthGuard, type UserProvider } from 'nestjs-refresh-token';
import { refreshTokenEntities } from 'nestjs-refresh-token/typeorm';

/**
 * A server with the library in it, and with routes that do nothing: what Nest and its adapter cost by themselves.
 * Configured by the same environment variables as the demo.
 */
const { DATABASE_URL, AUTH_SECRET, HTTP_ADAPTER, PORT } = process.env;

const RESOURCE = { id: 1, name: 'a small resource' };

class NoUsers implements UserProvider {
  validateCredentials = async () => null;
  loadUser = async () => null;
}

@Module({ providers: [NoUsers], exports: [NoUsers] })
class NoUsersModule {}

@Controller()
class BareController {
  private readonly tokenResponse: Record<string, unknown>;

  constructor(@Inject(AccessTokenService) accessTokens: AccessTokenService) {
    const id = crypto.randomUUID();
    const session = { id, clientId: 'default', scope: '', generation: 1, expiresAt: Infinity };
    const { accessToken, expiresIn } = accessTokens.mint({ id, roles: ['user'] }, session);
    this.tokenResponse = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: expiresIn,
      scope: '',
      session_id: id,
    };
  }

  @Get('health')
  health() {
    return { status: 'ok' };
  }

  @Get('bare')
  bare() {
    return RESOURCE;
  }

  /** As large as a refresh, both ways. */
  @Post('bare/refresh')
  @HttpCode(200)
  refresh(@Body() body: { refresh_token: string }) {
    return { ...this.tokenResponse, refresh_token: body.refresh_token };
  }
}

@Controller()
@UseGuards(JwtAuthGuard)
class GuardedController {
  @Get('guarded')
  guarded() {
    return RESOURCE;
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, entities: refreshTokenEntities }),
    AuthModule.forRoot({ imports: [NoUsersModule], userProvider: NoUsers, secret: AUTH_SECRET! }),
  ],
  controllers: [BareController, GuardedController],
})
class BareModule {}

async function createApp() {
  const options = { logger: ['error', 'warn'] as ('error' | 'warn')[] };
  if (HTTP_ADAPTER !== 'fastify') return NestFactory.create(BareModule, options);
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return NestFactory.create(BareModule, new FastifyAdapter(), options);
}

const app = await createApp();
app.enableShutdownHooks();
await app.listen(PORT!);
