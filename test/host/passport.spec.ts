import { createHmac } from 'node:crypto';
import {
  Controller,
  Get,
  type INestApplicationContext,
  Injectable,
  Module,
  type ModuleMetadata,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthConfigurationError,
  AuthModule,
  type AuthModuleExtras,
  type AuthModuleOptions,
  JwtAuthGuard,
} from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Adapter, adapters, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { bearer, refresh, send } from '../support/http.js';
import { signIn } from '../support/listening.js';
import { TABLES, usersAndStaff } from '../support/staff.js';
import { host, HOST, type HostSetup } from '../support/staff-host.js';

const MACHINE_SECRET = 'the secret of the tokens of the machines';
const OTHER_SECRET = SECRET.split('').reverse().join('');

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'robot' })}`;
const MACHINE_TOKEN = `${signed}.${createHmac('sha256', MACHINE_SECRET).update(signed).digest('base64url')}`;

/** What the documentation of Nest has: the strategy that a host wrote before it had this library. */
function machineStrategy(name?: string): Type {
  @Injectable()
  class JwtStrategy extends PassportStrategy(Strategy, name) {
    constructor() {
      super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: MACHINE_SECRET });
    }
    validate({ sub }: { sub: string }) {
      return { id: sub, roles: [] };
    }
  }
  return JwtStrategy;
}

function moduleWith(strategy: Type): Type {
  @Module({ imports: [PassportModule], providers: [strategy] })
  class MachinesModule {}
  return MachinesModule;
}

/** Lets in everybody who sends the header. */
@Injectable()
class ApiKeyStrategy extends PassportStrategy(passport.Strategy, 'api-key') {
  override authenticate(request: unknown) {
    const { headers } = request as { headers: Record<string, unknown> };
    return headers['x-api-key'] ? this.success({ id: 'key' }) : this.fail(401);
  }
  validate() {}
}

const GUARDS = {
  own: JwtAuthGuard,
  ours: AuthGuard('nrt-jwt'),
  jwt: AuthGuard('jwt'),
  key: AuthGuard(['api-key', 'nrt-jwt']),
  both: AuthGuard(['nrt-jwt', 'jwt']),
  'jwt-key': AuthGuard(['api-key', 'jwt']),
  refresh: AuthGuard('nrt-refresh-token'),
};
type Route = keyof typeof GUARDS;

const controllers = Object.entries(GUARDS).map(([path, guard]) => {
  @Controller(`by/${path}`)
  @UseGuards(guard)
  class RouteController {
    @Get()
    get() {
      return {};
    }
  }
  return RouteController;
});

type Options = Partial<AuthModuleOptions> & Partial<AuthModuleExtras>;
const authModule = (options: Options = {}) => AuthModule.forRoot({ ...HOST, secret: SECRET, ...options });

const start = (adapter: Adapter, imports: ModuleMetadata['imports'], more: Partial<HostSetup> = {}) =>
  host(adapter, { controllers, providers: [ApiKeyStrategy], imports, ...more });

async function statuses(url: string, token: string, routes: Route[], headers = {}): Promise<number[]> {
  const answers = routes.map((route) =>
    send('GET', `${url}/by/${route}`, { headers: { ...bearer(token), ...headers } }),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

/** What another test has left: a host does not take its strategies out of Passport. */
beforeEach(() => {
  for (const name of ['jwt', 'nrt-jwt', 'nrt-refresh-token', 'machine', 'api-key']) passport.unuse(name);
});

for (const adapter of adapters) {
  describe(`a host with a strategy "jwt" of its own (${adapter})`, () => {
    test.each([
      ['before', (machines: Type) => [machines, authModule()]],
      ['after', (machines: Type) => [authModule(), machines]],
    ])('registered %s the module keeps it, and each token opens its own routes', async (_, imports) => {
      const { url } = await start(adapter, imports(moduleWith(machineStrategy())));
      const { accessToken } = await signIn({ url });
      const routes: Route[] = ['own', 'ours', 'jwt', 'key', 'both', 'jwt-key'];
      expect(await statuses(url, accessToken, routes)).toEqual([200, 200, 401, 200, 200, 401]);
      expect(await statuses(url, MACHINE_TOKEN, routes)).toEqual([401, 401, 200, 401, 200, 200]);
      expect(await statuses(url, 'x', routes, { 'x-api-key': '1' })).toEqual([401, 401, 401, 200, 401, 200]);
    });

    test('can give ours the name "jwt", and its own another one', async () => {
      const machines = moduleWith(machineStrategy('machine'));
      const { url } = await start(adapter, [authModule({ passport: { jwt: 'jwt' } }), machines]);
      const { accessToken } = await signIn({ url });
      expect(await statuses(url, accessToken, ['own', 'jwt', 'jwt-key'])).toEqual([200, 200, 200]);
      expect(await statuses(url, MACHINE_TOKEN, ['own', 'jwt', 'jwt-key'])).toEqual([401, 401, 401]);
    });

    test('can make ours the default strategy', async () => {
      @Controller('default')
      @UseGuards(AuthGuard())
      class DefaultController {
        @Get()
        get() {
          return {};
        }
      }
      const imports = [authModule(), PassportModule.register({ defaultStrategy: 'nrt-jwt' })];
      const { url } = await start(adapter, imports, { controllers: [DefaultController] });
      const { accessToken } = await signIn({ url });
      expect((await send('GET', `${url}/default`, { headers: bearer(accessToken) })).status).toBe(200);
      expect((await send('GET', `${url}/default`, { headers: bearer(MACHINE_TOKEN) })).status).toBe(401);
    });
  });

  describe(`two applications in one process (${adapter})`, () => {
    test.each([
      ['first', [0, 1]],
      ['last', [1, 0]],
    ])('have one strategy each, also after the %s one has stopped', async (_, [stopped, left]) => {
      const apps = [await startToStop(adapter, SECRET), await startToStop('express', OTHER_SECRET)];
      const tokens = await Promise.all(apps.map(async ({ url }) => (await signIn({ url })).accessToken));
      const routes: Route[] = ['own', 'ours', 'key'];
      for (const [index, { url }] of apps.entries()) {
        expect(await statuses(url, tokens[index], routes)).toEqual([200, 200, 200]);
        expect(await statuses(url, tokens[1 - index], routes)).toEqual([401, 401, 401]);
      }
      await apps[stopped].stop();
      expect(await statuses(apps[left].url, tokens[left], routes)).toEqual([200, 200, 200]);
      expect(await statuses(apps[left].url, tokens[stopped], routes)).toEqual([401, 401, 401]);
      await apps[left].stop();
      await expect(authenticated('nrt-jwt')).rejects.toThrow('Unknown authentication strategy');
      await expect(authenticated('nrt-refresh-token')).rejects.toThrow('Unknown authentication strategy');
    });

    test('may use the name "jwt" both', async () => {
      const passportOptions = { passport: { jwt: 'jwt' } };
      const apps = [
        await startToStop(adapter, SECRET, passportOptions),
        await startToStop(adapter, OTHER_SECRET, passportOptions),
      ];
      const tokens = await Promise.all(apps.map(async ({ url }) => (await signIn({ url })).accessToken));
      for (const [index, { url }] of apps.entries()) {
        expect(await statuses(url, tokens[index], ['jwt', 'jwt-key'])).toEqual([200, 200]);
        expect(await statuses(url, tokens[1 - index], ['jwt', 'jwt-key'])).toEqual([401, 401]);
      }
      for (const { stop } of apps) await stop();
    });
  });

  test(`whatever the host does to Passport, the guards of the library do the same (${adapter})`, async () => {
    const { url } = await start(adapter, [authModule(), PassportModule.register({ defaultStrategy: 'jwt' })]);
    const { accessToken, refreshToken } = await signIn({ url });
    const everybody = {
      authenticate(this: passport.StrategyCreated<object>) {
        this.success({ id: 'anybody' });
      },
    };
    for (const tamper of [
      () => passport.unuse('nrt-jwt'),
      () => passport.use('nrt-jwt', everybody as never),
      () => passport.use('jwt', everybody as never),
    ]) {
      tamper();
      expect(await statuses(url, accessToken, ['own'])).toEqual([200]);
      expect(await statuses(url, MACHINE_TOKEN, ['own'])).toEqual([401]);
    }
    expect((await refresh(url, refreshToken)).status).toBe(200);
  });
}

describe('a name that is taken is refused at boot, with the fix', () => {
  class LateModule {
    onModuleInit() {
      passport.use('jwt', new (machineStrategy())() as passport.Strategy);
    }
  }
  Module({})(LateModule);

  const optIn = authModule({ passport: { jwt: 'jwt' } });
  test.each<[string, ModuleMetadata['imports']]>([
    ['before ours', [moduleWith(machineStrategy()), optIn]],
    ['after ours', [optIn, moduleWith(machineStrategy())]],
    ['while the modules start', [optIn, LateModule]],
  ])('by a strategy of the host that is registered %s', async (_, imports) => {
    const error: unknown = await start('express', imports).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthConfigurationError);
    expect(String(error)).toMatch(/^AuthConfigurationError: passport\.jwt: .*'jwt'/);
    expect(String(error)).toContain("passport: { jwt: 'nrt-jwt' }");
    expect(String(error)).toContain("PassportStrategy(Strategy, 'legacy-jwt')");
  });

  test('by a strategy of the host with one of our names', async () => {
    const imports = [moduleWith(machineStrategy('nrt-jwt')), authModule()];
    await expect(start('express', imports)).rejects.toThrow(/another Passport strategy with the name 'nrt-jwt'/);
  });

  test('by the session strategy of Passport', async () => {
    await expect(start('express', [authModule({ passport: { jwt: 'session' } })])).rejects.toThrow(/'session'/);
  });

  test.each([{ jwt: 'same', refreshToken: 'same' }, { jwt: 'nrt-refresh-token' }, { refreshToken: 'nrt-jwt' }])(
    'by our other strategy: %j',
    async (options) => {
      const started = start('express', [authModule({ passport: options })]);
      await expect(started).rejects.toThrow(/two strategies of this application have the name/);
    },
  );

  test.each(['', ' jwt', 'jwt\n', 'a b', 5, null, {}])('and so is the name %j', async (name) => {
    const started = start('express', [authModule({ passport: { jwt: name as string } })]);
    await expect(started).rejects.toThrow(/passport\.jwt must consist of letters/);
  });

  test('by another AuthModule of the application', async () => {
    const started = start('express', usersAndStaff({ passport: { jwt: 'jwt' } }), TABLES);
    await expect(started).rejects.toThrow(/two strategies of this application have the name 'jwt'/);
  });

  test('by another application of the process, before or after this one has started', async () => {
    const { url } = await start('express', [optIn]);
    const { accessToken } = await signIn({ url });
    await expect(start('express', [authModule(), moduleWith(machineStrategy())])).rejects.toThrow(
      /the process has another Passport strategy with the name 'jwt'/,
    );
    expect(() => passport.use('jwt', new (machineStrategy())() as passport.Strategy)).toThrow(AuthConfigurationError);
    expect(await statuses(url, accessToken, ['jwt'])).toEqual([200]);
    expect(await statuses(url, MACHINE_TOKEN, ['jwt'])).toEqual([401]);
  });

  test('and an application that failed to start is in the way of no other', async () => {
    await expect(start('express', [optIn, moduleWith(machineStrategy())])).rejects.toThrow(AuthConfigurationError);
    passport.unuse('jwt');
    const { url } = await start('express', [optIn]);
    const { accessToken } = await signIn({ url });
    expect(await statuses(url, accessToken, ['jwt', 'ours'])).toEqual([200, 500]);
  });
});

describe('the strategies', () => {
  test('take their names from forRootAsync, too', async () => {
    const module = AuthModule.forRootAsync({
      ...HOST,
      useFactory: async () => ({ secret: SECRET, passport: { jwt: 'jwt' } }),
    });
    const { url } = await start('express', [module]);
    expect(await statuses(url, (await signIn({ url })).accessToken, ['jwt'])).toEqual([200]);
  });

  test('work as middleware', async () => {
    const { url } = await start('express', [authModule()], {
      configure: (app) => app.use('/by/refresh', passport.authenticate('nrt-jwt', { session: false })),
    });
    const { accessToken } = await signIn({ url });
    expect(await statuses(url, accessToken, ['refresh'])).toEqual([400]);
    expect(await statuses(url, MACHINE_TOKEN, ['refresh'])).toEqual([401]);
  });

  test('do not get in the way of application contexts without HTTP', async () => {
    const contexts: INestApplicationContext[] = [];
    for (let count = 0; count < 2; count++) contexts.push(await contextOf(authModule()));
    const { url } = await start('express', [authModule()]);
    const { accessToken } = await signIn({ url });
    expect(await statuses(url, accessToken, ['own', 'ours'])).toEqual([200, 200]);
    for (const context of contexts) await context.close();
    expect(await statuses(url, accessToken, ['own', 'ours'])).toEqual([200, 200]);
  });

  test('are found in the tenth application of a test run, if nobody closed the others', async () => {
    for (let count = 0; count < 10; count++) {
      const { url } = await start('express', [authModule({ secret: `${count}${SECRET}` })]);
      const { accessToken } = await signIn({ url });
      expect(await statuses(url, accessToken, ['ours'])).toEqual([200]);
    }
  });
});

async function startToStop(adapter: Adapter, secret: string, options: Options = {}) {
  const { app, url } = await start(adapter, [authModule({ secret, ...options })]);
  return { url, stop: () => app.close() };
}

async function contextOf(auth: ReturnType<typeof authModule>): Promise<INestApplicationContext> {
  const database = await databaseNamed('sqljs').create();
  onTestFinished(() => database.drop());
  const options = database.options(refreshTokenEntities, refreshTokenMigrations, { migrationsRun: true });
  @Module({ imports: [TypeOrmModule.forRoot({ ...options, logging: false }), auth] })
  class ContextModule {}
  return NestFactory.createApplicationContext(ContextModule, { logger: false });
}

/** What Passport does with a request when it is asked for this strategy. */
function authenticated(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const authenticate = passport.authenticate(name) as (...given: unknown[]) => void;
    authenticate({}, {}, (error: unknown) => (error ? reject(error as Error) : resolve()));
  });
}
