import { randomBytes } from 'node:crypto';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request, Response } from 'express';
import {
  type AuthModuleExtras,
  type AuthModuleOptions,
  type AuthUser,
  RefreshTokenService,
  type UserProvider,
} from 'nestjs-refresh-token';
import { DataSource } from 'typeorm';

// The application of the reader. A fragment in the documentation uses the variables below without an import: the test adds
// the import. It adds `UsersModule` and `UsersService` too, which are classes of the page's own application.

/** The options of the reader so far, for example for `AuthModule.forRoot({ ...authOptions, risk: { … } })`. */
export let authOptions: Required<Pick<AuthModuleExtras, 'imports' | 'userProvider'>> &
  Pick<AuthModuleOptions, 'secret'>;

/** The application of the page. It listens on a free port. */
export let app: INestApplication;
export let dataSource: DataSource;
export let refreshTokens: RefreshTokenService;

/** Alice, the first user of the application. */
export let user: AuthUser;
/** A new session of that user, for each fragment. */
export let sessionId: string;
export let accessToken: string;
export let refreshToken: string;

/** A request that the application has received by Express, and its response, which is not sent. */
export let request: Request;
export let response: Response;

/** The classes of the page's application. */
export interface Application {
  AppModule: Type;
  UsersModule: Type;
  UsersService: Type<UserProvider>;
}

export function useOptions({ UsersModule, UsersService }: Application): void {
  // Step-up needs it. A page about step-up has it in its own `UsersService`.
  UsersService.prototype.reauthenticate ??= reauthenticate;
  authOptions = {
    imports: [UsersModule],
    userProvider: UsersService,
    secret: process.env.AUTH_SECRET ?? randomBytes(36).toString('base64'),
  };
}

/** Starts the application of a page. */
export async function start({ AppModule, UsersService }: Application): Promise<void> {
  app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  const received = new Promise<[Request, Response]>((resolve) => {
    app.use('/reader', (request: Request, response: Response) => resolve([request, response]));
  });
  await app.listen(0, '127.0.0.1');
  dataSource = app.get(DataSource);
  refreshTokens = app.get(RefreshTokenService, { strict: false });
  const users = app.get(UsersService, { strict: false });
  user = (await users.validateCredentials('alice', 'alice-password')) ?? { id: 'alice', roles: ['user'] };
  void fetch(`${await app.getUrl()}/reader`, { method: 'POST' }).catch(() => undefined); // it gets no answer
  [request, response] = await received;
}

/** Signs the user in. Each fragment gets a session that no other fragment has ended. */
export async function signIn(): Promise<void> {
  const client = { ip: '127.0.0.1', userAgent: 'Mozilla/5.0' };
  ({ sessionId, accessToken, refreshToken } = await refreshTokens.issue(user, { transport: 'body' }, client));
}

export async function stop(): Promise<void> {
  response.end();
  await app.close();
}

async function reauthenticate(this: UserProvider, _id: string, password: string): Promise<AuthUser | null> {
  return this.validateCredentials('alice', password);
}
