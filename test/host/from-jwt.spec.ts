import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Inject,
  type INestApplication,
  Injectable,
  Module,
  Post,
  type Type,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule, Clock, JwtAuthGuard } from 'nestjs-refresh-token';
import { refreshTokenEntities } from 'nestjs-refresh-token/typeorm';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type Adapter, adapters, ManualClock, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { compilePages } from '../support/doc-program.js';
import { readPages, START_PAGE } from '../support/doc-samples.js';
import { bearer, send } from '../support/http.js';
import { withDataSource } from '../support/own-data-source.js';

const GUIDE = 'docs/guides/you-have-jwts-already.md';
const OLD_SECRET = 'the-secret-of-the-old-tokens-0123456789';
const HOUR = 60 * 60 * 1000;

/** The users of the guide's application. The move does not touch them. */
interface HostUsers {
  validateCredentials(username: string, password: string): Promise<{ id: string } | null>;
}

// The old application, as in the documentation of Nest: JWTs of a minute, and a table of refresh tokens.

@Entity('old_refresh_tokens')
class OldRow {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  hash!: string;
  @Column({ type: 'varchar' })
  userId!: string;
  @Column({ type: 'bigint' })
  expiresAt!: string;
}

@Injectable()
class OldGuard implements CanActivate {
  constructor(@Inject(JwtService) private readonly jwt: JwtService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>();
    const token = request.headers.authorization?.split(' ')[1] ?? '';
    await this.jwt.verifyAsync(token).catch(() => {
      throw new UnauthorizedException();
    });
    return true;
  }
}

@Controller()
class OldController {
  constructor(
    @Inject(JwtService) private readonly jwt: JwtService,
    @Inject(getDataSourceToken()) private readonly database: DataSource,
    @Inject('USERS') private readonly users: HostUsers,
  ) {}

  @HttpCode(200)
  @Post('auth/login')
  async login(@Body() { username, password }: { username: string; password: string }) {
    const user = await this.users.validateCredentials(username, password);
    if (!user) throw new UnauthorizedException();
    return this.pair(user.id);
  }

  @HttpCode(200)
  @Post('auth/refresh')
  async refresh(@Body() { refresh_token: token }: { refresh_token: string }) {
    const rows = this.database.getRepository(OldRow);
    const row = await rows.findOneBy({ hash: hashOf(token) });
    if (!row || Number(row.expiresAt) < Date.now()) throw new UnauthorizedException();
    await rows.delete({ hash: row.hash });
    return this.pair(row.userId);
  }

  @UseGuards(OldGuard)
  @Get('profile')
  profile() {
    return { old: true };
  }

  private async pair(userId: string) {
    const token = randomBytes(32).toString('hex');
    const expiresAt = String(Date.now() + 30 * 24 * HOUR);
    await this.database.getRepository(OldRow).insert({ hash: hashOf(token), userId, expiresAt });
    return { access_token: await this.jwt.signAsync({ sub: userId }), refresh_token: token };
  }
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');

interface Pair {
  access_token: string;
  refresh_token: string;
}

/** What the guide and "Getting started" contain, compiled. */
interface Compiled {
  AppModule: Type;
  OldRefreshToken: Type;
  User: Type;
  UsersModule: Type;
  UsersService: Type<HostUsers>;
}

let compiled: Compiled;
let kept: NodeJS.ProcessEnv;
beforeAll(async () => {
  kept = { ...process.env };
  const folder = await mkdtemp(join(inject('scratch'), 'from-jwt-'));
  const pages = (await readPages()).filter(({ path }) => path === GUIDE || path === START_PAGE);
  const { pages: written } = await compilePages(pages, folder);
  const { application, errors } = written.find(({ path }) => path === GUIDE)!;
  expect(errors).toEqual([]);
  // The pages read this when they are imported.
  Object.assign(process.env, { AUTH_SECRET: SECRET, OLD_JWT_SECRET: OLD_SECRET });
  const load = async (file: string) => (await import(/* @vite-ignore */ pathToFileURL(file).href)) as object;
  const entities = [
    application.UsersModule.replace(/users\.module\.js$/, 'user.entity.js'),
    application.AppModule.replace(/app\.module\.js$/, 'auth/old-refresh-token.entity.js'),
  ];
  const modules = await Promise.all([...Object.values(application), ...entities].map(load));
  compiled = Object.assign({}, ...modules) as Compiled;
});
afterAll(() => {
  for (const name of ['AUTH_SECRET', 'OLD_JWT_SECRET', 'ISSUE_SESSIONS', 'DATABASE_URL']) {
    if (kept[name] === undefined) delete process.env[name];
    else process.env[name] = kept[name];
  }
});

describe.each(adapters)('an application moves from JWTs of its own (%s)', (adapter: Adapter) => {
  let database: TestDatabase;
  let clock: ManualClock;
  const running: INestApplication[] = [];
  let old: string;
  let moved: string;

  const listen = async (module: Type): Promise<string> => {
    const built = await Test.createTestingModule({ imports: [module] })
      .overrideProvider(Clock)
      .useValue(clock)
      .compile();
    const app = built.createNestApplication(adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter());
    running.push(app);
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  };
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    clock = new ManualClock();
    clock.time = Date.now();
    const { AppModule, User, UsersModule, UsersService } = compiled;
    @Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: database.url, entities: [OldRow, User], synchronize: true }),
        UsersModule,
        JwtModule.register({ global: true, secret: OLD_SECRET, signOptions: { expiresIn: '60s' } }),
      ],
      controllers: [OldController],
      providers: [OldGuard, { provide: 'USERS', useExisting: UsersService }],
    })
    class OldModule {}
    old = await listen(OldModule);
    moved = await listen(withUrl(AppModule, database.url!));
  });
  afterAll(async () => {
    for (const app of running.splice(0)) await app.close();
    await database?.drop();
  });
  beforeEach(async () => {
    process.env.ISSUE_SESSIONS = 'true';
    for (const table of ['refresh_tokens', 'old_refresh_tokens']) await rows(`DELETE FROM ${table}`);
    await rows('UPDATE users SET disabled = false');
  });

  const oldLogin = () => login(old);
  const login = async (url: string) =>
    (await send<Pair>('POST', `${url}/auth/login`, { body: { username: 'alice', password: 'alice-password' } })).body;
  const refresh = (url: string, token: string, path = 'auth/refresh') =>
    send<Pair & { error: string }>('POST', `${url}/${path}`, { body: { refresh_token: token } });
  const profile = async (url: string, token: string) =>
    (await send('GET', `${url}/profile`, { headers: bearer(token) })).status;
  const rows = <Row>(sql: string) => running.at(-1)!.get(DataSource).query<Row[]>(sql);
  const liveSessions = async () =>
    (await rows<{ n: string }>('SELECT count(*) AS n FROM refresh_tokens WHERE revoked_at IS NULL'))[0].n;

  test('an honest user is never signed out', async () => {
    const before = await oldLogin();
    expect(await profile(old, before.access_token)).toBe(200);
    // The old access token is accepted next to ours.
    expect(await profile(moved, before.access_token)).toBe(200);
    let { body, status } = await refresh(moved, before.refresh_token);
    expect(status).toBe(200);
    expect(body.refresh_token).toMatch(/^nrt_/);
    expect(await profile(moved, body.access_token)).toBe(200);
    expect(await profile(moved, before.access_token)).toBe(200);
    // The old route, as the old page calls it; later the new one.
    for (const path of ['auth/refresh', 'auth/refresh', 'session/refresh', 'session/refresh', 'auth/refresh']) {
      clock.advance(HOUR);
      ({ body, status } = await refresh(moved, body.refresh_token, path));
      expect(status).toBe(200);
      expect(await profile(moved, body.access_token)).toBe(200);
    }
    expect(await liveSessions()).toBe('1');
  });

  test('an old access token is accepted until it expires, and no other token is', async () => {
    const { access_token: token } = await oldLogin();
    const { sub } = new JwtService({ secret: OLD_SECRET }).verify<{ sub: string }>(token);
    const signed = (secret: string, expiresIn: number) => new JwtService({ secret }).sign({ sub }, { expiresIn });
    expect(await profile(moved, signed(OLD_SECRET, 60))).toBe(200);
    expect(await profile(moved, signed(OLD_SECRET, -1))).toBe(401);
    expect(await profile(moved, signed('a-secret-of-somebody-else-01234567890', 60))).toBe(401);
    expect(await profile(moved, signed(SECRET, 60))).toBe(401);
    expect(await profile(moved, 'nonsense')).toBe(401);
    // The old application does not take ours for its own.
    expect(await profile(old, (await login(moved)).access_token)).toBe(401);
  });

  test('a double click exchanges one old token into one session', async () => {
    const { refresh_token: token } = await oldLogin();
    const answers = await Promise.all(Array.from({ length: 6 }, () => refresh(moved, token)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    expect(await liveSessions()).toBe('1');
    clock.advance(HOUR);
    expect((await refresh(moved, answers[0].body.refresh_token)).status).toBe(200);
  });

  test('a lost answer is brought again, also an hour later and by another instance', async () => {
    const other = await listen(withUrl(compiled.AppModule, database.url!));
    const { refresh_token: token } = await oldLogin();
    const lost = await refresh(moved, token);
    clock.advance(HOUR);
    const again = await refresh(other, token);
    expect(again).toMatchObject({ status: 200, body: { refresh_token: lost.body.refresh_token } });
    clock.advance(HOUR);
    expect((await refresh(moved, again.body.refresh_token)).status).toBe(200);
  });

  test('a client that retries late many times keeps its session', async () => {
    const { refresh_token: token } = await oldLogin();
    let session = (await refresh(moved, token)).body;
    const statuses: number[] = [];
    for (let retry = 1; retry <= 6; retry++) {
      clock.advance(HOUR);
      const { status, body } = await refresh(moved, token);
      statuses.push(status);
      if (status === 200) expect(body.refresh_token).toBe(session.refresh_token);
      else expect(body.error).toBe('superseded');
    }
    expect(statuses).toEqual([200, 200, 200, 409, 409, 409]);
    expect(await liveSessions()).toBe('1');
    // One of its answers came, for example to another tab.
    const next = await refresh(moved, session.refresh_token);
    expect(next.status).toBe(200);
    session = next.body;
    expect(await profile(moved, session.access_token)).toBe(200);
    // From now on the old token is in two hands.
    clock.advance(HOUR);
    expect(await refresh(moved, token)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
    expect((await refresh(moved, session.refresh_token)).status).toBe(401);
    expect(await profile(moved, session.access_token)).toBe(401);
  });

  test('a thief who comes first with a stolen old token is found when the user comes', async () => {
    const { refresh_token: stolen } = await oldLogin();
    let thief = (await refresh(moved, stolen)).body;
    clock.advance(HOUR);
    thief = (await refresh(moved, thief.refresh_token)).body;
    expect(await profile(moved, thief.access_token)).toBe(200);
    clock.advance(60_000);
    expect((await refresh(moved, stolen)).status).toBe(401);
    expect((await refresh(moved, thief.refresh_token)).status).toBe(401);
    expect(await profile(moved, thief.access_token)).toBe(401);
  });

  test('a thief who comes after the user gets nothing, and ends the session', async () => {
    const { refresh_token: stolen } = await oldLogin();
    let user = (await refresh(moved, stolen)).body;
    clock.advance(HOUR);
    user = (await refresh(moved, user.refresh_token)).body;
    clock.advance(HOUR);
    expect(await refresh(moved, stolen)).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
    expect((await refresh(moved, user.refresh_token)).status).toBe(401);
  });

  test('a thief who gets the same token as the user is found at the next refresh', async () => {
    const { refresh_token: stolen } = await oldLogin();
    const [user, thief] = await Promise.all([refresh(moved, stolen), refresh(moved, stolen)]);
    clock.advance(HOUR);
    const kept = await refresh(moved, user.body.refresh_token);
    clock.advance(HOUR);
    expect((await refresh(moved, thief.body.refresh_token)).status).toBe(401);
    expect((await refresh(moved, kept.body.refresh_token)).status).toBe(401);
  });

  test('what is expired, unknown, malformed or of a disabled user is refused', async () => {
    const { refresh_token: expired, access_token: access } = await oldLogin();
    await rows(`UPDATE old_refresh_tokens SET "expiresAt" = 1`);
    expect((await refresh(moved, expired)).status).toBe(401);
    expect((await refresh(moved, 'unknown')).status).toBe(401);
    expect((await refresh(moved, 'nrt_unknown')).status).toBe(401);
    for (const body of [{ refresh_token: 7 }, { refresh_token: null }, [], {}]) {
      expect((await send('POST', `${moved}/auth/refresh`, { body })).status).toBe(401);
      expect((await send('POST', `${moved}/auth/logout`, { body })).status).toBe(204);
      expect((await send('POST', `${moved}/auth/login`, { body })).status).toBe(401);
    }
    expect((await send('POST', `${moved}/auth/refresh`)).status).toBe(401);
    const { refresh_token: disabled } = await oldLogin();
    await rows('UPDATE users SET disabled = true');
    expect((await refresh(moved, disabled)).status).toBe(401);
    expect(await profile(moved, access)).toBe(401);
    expect(await liveSessions()).toBe('0');
  });

  test('a logout with the old token ends it, and its session', async () => {
    const { refresh_token: token } = await oldLogin();
    const session = await refresh(moved, token);
    expect((await send('POST', `${moved}/auth/logout`, { body: { refresh_token: token } })).status).toBe(204);
    expect((await refresh(moved, token)).status).toBe(401);
    expect((await refresh(moved, session.body.refresh_token)).status).toBe(401);
    expect(await profile(moved, session.body.access_token)).toBe(401);
  });

  test('instances of both kinds serve one user while the switch is off, and after it is turned off again', async () => {
    process.env.ISSUE_SESSIONS = '';
    let pair = await oldLogin();
    for (const url of [moved, old, moved, old]) {
      const { status, body } = await refresh(url, pair.refresh_token);
      expect(status).toBe(200);
      expect(body.refresh_token).not.toMatch(/^nrt_/);
      expect([await profile(old, body.access_token), await profile(moved, body.access_token)]).toEqual([200, 200]);
      pair = body;
    }
    process.env.ISSUE_SESSIONS = 'true';
    const session = await refresh(moved, pair.refresh_token);
    process.env.ISSUE_SESSIONS = '';
    // The answer was lost; then the session goes on.
    expect(await refresh(moved, pair.refresh_token)).toMatchObject({
      body: { refresh_token: session.body.refresh_token },
    });
    clock.advance(HOUR);
    expect((await refresh(moved, session.body.refresh_token)).status).toBe(200);
    expect((await login(moved)).refresh_token).not.toMatch(/^nrt_/);
  });

  test('after the second deployment the sessions go on without the old code', async () => {
    const { refresh_token: token } = await oldLogin();
    const session = await refresh(moved, token);
    const { User, UsersModule, UsersService } = compiled;
    @Controller('profile')
    @UseGuards(JwtAuthGuard)
    class ProfileController {
      @Get()
      profile() {
        return {};
      }
    }
    @Module({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: database.url,
          entities: [...refreshTokenEntities, User],
        }),
        UsersModule,
        AuthModule.forRoot({
          imports: [UsersModule],
          userProvider: UsersService as never,
          secret: SECRET,
          routePrefix: 'session',
        }),
      ],
      controllers: [ProfileController],
    })
    class NewModule {}
    const url = await listen(NewModule);
    clock.advance(HOUR);
    const next = await refresh(url, session.body.refresh_token, 'session/refresh');
    expect(next.status).toBe(200);
    expect(await profile(url, next.body.access_token)).toBe(200);
    expect((await refresh(url, token)).status).toBe(404);
    expect((await refresh(url, token, 'session/refresh')).status).toBe(401);
    expect(await liveSessions()).toBe('1');
  });
});

/** The guide's module has read `DATABASE_URL` when it was imported. Each test has a database of its own. */
function withUrl(AppModule: Type, url: string): Type {
  return withDataSource(AppModule, url, [compiled.OldRefreshToken, compiled.User]);
}
