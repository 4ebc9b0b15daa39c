// Plain JavaScript, so that it runs as it is in an application of any Nest. Prints what a host would see.
import 'reflect-metadata';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule, RevocationFeed, JwtAuthGuard, RefreshTokenService, Roles, RolesGuard } from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { redisRevocationChannel } from 'nestjs-refresh-token/redis';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';

const { DATABASE_URL, AUTH_SECRET, REDIS_URL } = process.env;
// A name of its own: others may be using the server.
const channel = REDIS_URL && redisRevocationChannel({ url: REDIS_URL, name: `smoke:${process.pid}` });

class Users {
  async validateCredentials(username, password) {
    return password === `${username}-password` ? this.loadUser(username) : null;
  }

  async loadUser(id) {
    return { id, roles: ['user'] };
  }
}
class UsersModule {}
Module({ providers: [Users], exports: [Users] })(UsersModule);

class Profile {
  mine() {
    return 'mine';
  }

  admins() {
    return 'admins';
  }
}
const method = (decorator, name) =>
  decorator(Profile.prototype, name, Object.getOwnPropertyDescriptor(Profile.prototype, name));
method(Get('mine'), 'mine');
method(Get('admins'), 'admins');
method(Roles('admin'), 'admins');
UseGuards(JwtAuthGuard, RolesGuard)(Profile);
Controller('profile')(Profile);

class App {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: DATABASE_URL,
      entities: refreshTokenEntities,
      migrations: refreshTokenMigrations,
      migrationsRun: true,
    }),
    AuthModule.forRoot({
      imports: [UsersModule],
      userProvider: Users,
      secret: AUTH_SECRET,
      revocation: { channel: channel || undefined },
    }),
    AuthThrottlingModule.forRoot({ loginFailures: 2 }),
  ],
  controllers: [Profile],
})(App);

const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

async function send(verb, path, { token, body } = {}) {
  const response = await fetch(url + path, {
    method: verb,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const refresh = (refresh_token) => send('POST', '/auth/refresh', { body: { refresh_token } });
const credentials = { username: 'alice', password: 'alice-password', transport: 'body' };
const login = await send('POST', '/auth/login', { body: credentials });
const first = await refresh(login.body.refresh_token);
const again = await refresh(login.body.refresh_token);
const token = first.body.access_token;
const statuses = {
  login: login.status,
  refused: (await send('POST', '/auth/login', { body: { ...credentials, password: 'wrong' } })).status,
  malformed: (await send('POST', '/auth/login', { body: { username: 7 } })).status,
  refresh: first.status,
  sameSuccessor: again.body.refresh_token === first.body.refresh_token,
  guarded: (await send('GET', '/profile/mine', { token })).status,
  unguarded: (await send('GET', '/profile/mine')).status,
  forbidden: (await send('GET', '/profile/admins', { token })).status,
  sessions: (await app.get(RefreshTokenService).list('alice')).length,
  logout: (await send('POST', '/auth/logout', { token })).status,
  revoked: (await send('GET', '/profile/mine', { token })).body.error,
  dead: (await refresh(first.body.refresh_token)).body.error,
};
statuses.throttled = [];
for (let count = 0; count < 2; count++) {
  const { status } = await send('POST', '/auth/login', { body: { ...credentials, password: 'wrong' } });
  statuses.throttled.push(status);
}
for (let tries = 0; channel && tries < 200 && app.get(RevocationFeed).status.channel !== 'connected'; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 50));
}
statuses.channel = app.get(RevocationFeed).status.channel;
await app.close();
console.log(JSON.stringify(statuses));
