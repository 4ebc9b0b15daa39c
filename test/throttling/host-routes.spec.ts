import { connect } from 'node:net';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Post,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { AuthRoute } from 'nestjs-refresh-token';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Adapter, adapters, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { refresh, send } from '../support/http.js';

interface Answering {
  status(code: number): { json?(body: object): void; send(body: object): void };
}

const checks = { count: 0, passed: Promise.resolve() };

/** As the guard of a Passport strategy. */
@Injectable()
class PasswordGuard implements CanActivate {
  async canActivate(_context: ExecutionContext): Promise<boolean> {
    checks.count++;
    await checks.passed;
    throw new UnauthorizedException();
  }
}

@Controller('login')
class LoginController {
  @Post('guard')
  @AuthRoute('login')
  @UseGuards(PasswordGuard)
  byGuard() {}

  @Post('status')
  @AuthRoute('login')
  byStatus(@Res({ passthrough: true }) response: Answering) {
    checks.count++;
    response.status(401);
    return {};
  }

  @Post('later')
  @AuthRoute('login')
  later(@Res() response: Answering) {
    checks.count++;
    setImmediate(() => response.status(401).send({}));
  }

  @Get('hang')
  hang() {
    checks.count++;
    return new Promise(() => undefined);
  }
}

@Controller('marked')
@AuthRoute('login')
class MarkedController {
  @Post('login')
  login(): never {
    throw new UnauthorizedException();
  }
}

const LIMITS = { loginFailures: 3, loginFailuresOfName: 3, refreshFailures: 3 };

async function start(adapter: Adapter) {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    imports: [AuthThrottlingModule.forRoot(LIMITS)],
    controllers: [LoginController, MarkedController],
  });
  onTestFinished(() => app.close());
  return app;
}

beforeEach(() => void Object.assign(checks, { count: 0, passed: Promise.resolve() }));

describe.each(adapters)('a route of the host, on %s', (adapter) => {
  it.each(['guard', 'status', 'later'])('that answers 401 by %s counts each as a failure', async (path) => {
    const { url } = await start(adapter);
    const guess = () => send('POST', `${url}/login/${path}`, { body: { username: 'alice' } });
    for (let count = 0; count < 3; count++) expect((await guess()).status).toBe(401);
    const parallel = await Promise.all(Array.from({ length: 30 }, guess));
    expect(new Set(parallel.map(({ status }) => status))).toEqual(new Set([429]));
    expect(checks.count).toBe(3);
  });

  it.each(['username', 'email'])('bounds guesses at one account, named by %s', async (field) => {
    const { url } = await start(adapter);
    const guess = (name: string) => send('POST', `${url}/login/status`, { body: { [field]: name } });
    for (let count = 0; count < 3; count++) expect((await guess('alice')).status).toBe(401);
    expect((await guess('alice')).status).toBe(429);
    expect((await guess('bob')).status).toBe(401);
  });

  it('bounds guesses at one account, whatever else the body names', async () => {
    const { url } = await start(adapter);
    const others = [
      (index: number) => `other-${index}`,
      (index: number) => [`other-${index}`],
      (index: number) => index,
    ];
    for (const [number, other] of others.entries()) {
      const guess = (index: number) =>
        send('POST', `${url}/login/status`, { body: { username: other(index), email: [index, `alice-${number}`] } });
      for (let index = 0; index < 3; index++) expect((await guess(index)).status).toBe(401);
      expect((await guess(3)).status).toBe(429);
    }
  });

  it('is bounded by a mark of its class, too', async () => {
    const { url } = await start(adapter);
    const guess = () => send('POST', `${url}/marked/login`, { body: { username: 'alice' } });
    for (let count = 0; count < 3; count++) expect((await guess()).status).toBe(401);
    expect((await guess()).status).toBe(429);
  });

  it('does not hold honest users back that it knows by something else', async () => {
    const { url } = await start(adapter);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send('POST', `${url}/login/status`, { body: { pin: '1' } })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  });

  it('counts a client that hangs up while its password is checked', async () => {
    const { url } = await start(adapter);
    let pass = () => {};
    checks.passed = new Promise((resolve) => (pass = resolve));
    const body = { username: 'alice' };
    for (let count = 1; count <= 3; count++) {
      const hangUp = new AbortController();
      const sent = send('POST', `${url}/login/guard`, { body, signal: hangUp.signal }).catch(() => undefined);
      await eventually(() => expect(checks.count).toBe(count));
      hangUp.abort();
      await sent;
    }
    await eventually(async () => expect((await send('POST', `${url}/login/guard`, { body })).status).toBe(429));
    pass();
    expect(checks.count).toBe(3);
  });
});

describe.each(adapters)('requests that wait behind another one on their connection, on %s', (adapter) => {
  // A response gets its turn only after those before it. So it may not tell that its client has gone.
  it('give their places back when the connection closes', async () => {
    const { url } = await start(adapter);
    const { hostname, port } = new URL(url);
    const refused = 'POST /auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    for (let count = 0; count < 5; count++) {
      const socket = connect(Number(port), hostname);
      socket.write(`GET /login/hang HTTP/1.1\r\nHost: x\r\n\r\n${refused}${refused}`);
      await eventually(() => expect(checks.count).toBe(count + 1));
      socket.destroy();
    }
    expect((await refresh(url)).status).toBe(400);
  });
});
