import { Body, Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import {
  AuthRoute,
  type AuthenticatedUser,
  clientContextOf,
  CurrentUser,
  JwtAuthGuard,
  PresentedToken,
  RefreshTokenGuard,
  StepUp,
  StepUpService,
} from 'nestjs-refresh-token';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Adapter, adapters, createAuthApp, HostUsers } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type AuthBody, bearer, login, send } from '../support/http.js';
import { MINUTE } from '../support/listening.js';

type Request = Parameters<typeof clientContextOf>[0];

const LIMIT = 3;
const CONCURRENT = 2;

/** Users whose passwords take a while to check, as by a slow hash. */
class SlowUsers extends HostUsers {
  checked = 0;
  mostUnderWay = 0;
  private underWay = 0;

  constructor() {
    super();
    const { reauthenticate } = this;
    this.reauthenticate = async (id, password) => {
      this.checked++;
      this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
      await new Promise((resolve) => setTimeout(resolve, 20));
      this.underWay--;
      return reauthenticate(id, password);
    };
  }
}

/** Routes of the host that check the password of a session. */
@Controller('account')
@UseGuards(JwtAuthGuard)
class AccountController {
  constructor(private readonly stepUps: StepUpService) {}

  @Post('password')
  @AuthRoute('step-up')
  @HttpCode(204)
  async password(@CurrentUser() user: AuthenticatedUser, @Body() body: { password: string }, @Req() request: Request) {
    await this.stepUps.reauthenticate(user, body.password, clientContextOf(request));
  }

  /** Needs a recent authentication, which the guard checks. */
  @Post('name')
  @AuthRoute('step-up')
  @StepUp('1m')
  @HttpCode(204)
  name() {}

  /** Reads the refresh token, although the guard of the class reads the access token. */
  @Post('step-up')
  @AuthRoute('step-up')
  @HttpCode(204)
  @UseGuards(RefreshTokenGuard)
  async stepUp(@PresentedToken() token: string, @Body() body: { password: string }) {
    await this.stepUps.stepUp(token, body.password);
  }
}

async function start(adapter: Adapter) {
  const users = new SlowUsers();
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    users,
    imports: [AuthThrottlingModule.forRoot({ stepUpFailures: LIMIT })],
    controllers: [AccountController],
    options: { concurrentPasswordChecks: CONCURRENT },
  });
  onTestFinished(() => app.close());
  const signIn = async (username: string) =>
    (await login(app.url, { username, password: `${username}-password`, transport: 'body' })).body;
  const check = ({ access_token }: AuthBody, password: string, path = 'password', more: object = {}) =>
    send<AuthBody>('POST', `${app.url}/account/${path}`, {
      headers: bearer(access_token),
      body: { password, ...more },
    });
  return { ...app, users, signIn, check };
}

const statusesOf = async (answers: Promise<{ status: number }>[]) =>
  (await Promise.all(answers)).map(({ status }) => status).sort();

describe.each(adapters)(
  'a route of the host that checks the password of an access token’s session, on %s',
  (adapter) => {
    it('evaluates as many guesses of a session as may fail, and no others are held back', async () => {
      const { check, events, signIn, users } = await start(adapter);
      const [stolen, other] = [await signIn('alice'), await signIn('alice')];
      const guesses = Array.from({ length: 30 }, (_, index) =>
        check(stolen, index === 20 ? 'alice-password' : `guess-${index}`),
      );
      expect(await statusesOf(guesses)).toEqual([...Array<number>(LIMIT).fill(401), ...Array<number>(27).fill(429)]);
      expect(users.checked).toBe(LIMIT);
      const told = events.filter(({ type }) => type === 'throttled' || type === 'step_up_failed');
      expect(told.map(({ type }) => type)).toEqual([...Array<string>(LIMIT).fill('step_up_failed'), 'throttled']);
      for (const event of told) expect(event.sessionId).toBe(stolen.session_id);
      expect((await check(other, 'alice-password')).status).toBe(204);
    });

    it('counts the session of the access token and that of the refresh token, whichever it means', async () => {
      const { check, signIn, users } = await start(adapter);
      const { refresh_token } = await signIn('alice');
      for (let count = 0; count < LIMIT; count++) {
        expect((await check(await signIn('bob'), 'guess', 'step-up', { refresh_token })).status).toBe(401);
      }
      expect((await check(await signIn('bob'), 'alice-password', 'step-up', { refresh_token })).status).toBe(429);
      expect(users.checked).toBe(LIMIT);
    });

    it('has no more checks under way than the module allows', async () => {
      const { check, signIn, users } = await start(adapter);
      const sessions = await Promise.all(Array.from({ length: 20 }, () => signIn('alice')));
      const answers = await statusesOf(sessions.map((session) => check(session, 'alice-password')));
      expect(new Set(answers)).toEqual(new Set([204]));
      expect(users.mostUnderWay).toBe(CONCURRENT);
    });

    // Someone with a bound access token and without its key must not keep the owner from a step-up.
    it('counts no guess if a guard has refused the request', async () => {
      const { check, clock, signIn } = await start(adapter);
      const alice = await signIn('alice');
      clock.advance(2 * MINUTE);
      for (let count = 0; count < 2 * LIMIT; count++) expect((await check(alice, '', 'name')).status).toBe(401);
      expect((await check(alice, 'alice-password')).status).toBe(204);
    });

    it('refuses all passwords if the user provider cannot check them', async () => {
      const { check, signIn, users } = await start(adapter);
      const alice = await signIn('alice');
      Object.assign(users, { reauthenticate: undefined });
      expect(await check(alice, 'alice-password')).toMatchObject({ status: 403, body: { error: 'forbidden' } });
    });
  },
);
