import { build } from 'esbuild';
import { Controller, Get, Header, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AuthResponder } from 'nestjs-refresh-token';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { samplesOf } from '../support/doc-samples.js';
import { bearer, cookieHeader, type AuthBody, refreshCookie, send } from '../support/http.js';
import { claimsOf, MINUTE } from '../support/listening.js';
import { pageHost } from '../support/page-host.js';
import { root } from '../support/root.js';

const PAGE = 'docs/guides/passkeys.md';

/** The code of the page that runs in browsers, as a script. */
const script = (async () => {
  const samples = samplesOf({ path: PAGE, text: await readFile(join(root, PAGE), 'utf8') });
  const { text } = samples.find((sample) => sample.text.startsWith('// src/passkeys.page.ts'))!;
  const { outputFiles } = await build({
    stdin: {
      contents: `${text}\nObject.assign(globalThis, { client, addPasskey, usePasskey, post });`,
      loader: 'ts',
      resolveDir: root,
    },
    alias: { 'nestjs-refresh-token/client': join(root, 'src/client/index.ts') },
    bundle: true,
    format: 'esm',
    write: false,
  });
  return outputFiles[0].text;
})();

@Controller()
class BrowserController {
  constructor(private readonly responder: AuthResponder) {}

  /** As after a magic link. */
  @Post('as/:id')
  signIn(@Param('id') id: string, @Req() request: Request, @Res() response: Response) {
    return this.responder.signIn({ id, roles: ['user'] }, request, response);
  }

  @Get()
  @Header('Content-Type', 'text/html')
  page() {
    return '<!doctype html><title>passkeys</title><script type="module" src="/page.js"></script>';
  }

  @Get('page.js')
  @Header('Content-Type', 'text/javascript')
  script() {
    return script;
  }
}

declare global {
  function addPasskey(): Promise<boolean>;
  function usePasskey(path: string): Promise<boolean>;
}

describe.skipIf(!browserAvailable)('a passkey', () => {
  const host = pageHost('express', { page: PAGE, modules: ['PasskeysModule'], controllers: [BrowserController] });
  const newContext = chromiumContexts();

  /** A browser with an authenticator that unlocks itself. */
  async function browser() {
    const context = await newContext();
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    } as const;
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
    await page.goto(`${host.origin}/`);
    await page.waitForFunction(() => 'usePasskey' in globalThis);
    return { context, page, devtools, authenticatorId };
  }

  /** A user who has no password, and is signed in without one. */
  async function newUser(page: Page) {
    const users = host.dataSource.getRepository<{ id: string; username: string }>(host.exported.User);
    const name = `user-${await users.count()}`;
    const { id } = (await users.save({ username: name, passwordHash: 'none', roles: ['user'] } as object)) as {
      id: string;
    };
    await page.evaluate(async (id) => {
      await fetch(`/as/${id}`, { method: 'POST' });
      await client.adopt();
    }, id);
    return id;
  }
  const userOf = (page: Page) => page.evaluate(async () => (await client.user())?.id);
  const lastIssued = (page: Page) => page.evaluate(() => client.getAccessToken()).then((token) => claimsOf(token!));
  const authenticate = (page: Page, path: string) => page.evaluate((path) => usePasskey(path), path);

  test('signs in a user who has no password, and steps up', async () => {
    const { page } = await browser();
    const id = await newUser(page);
    expect(await page.evaluate(() => addPasskey())).toBe(true);
    await page.evaluate(() => client.logout());
    expect(await userOf(page)).toBeUndefined();

    expect(await authenticate(page, '/passkeys/sign-in')).toBe(true);
    expect(await userOf(page)).toBe(id);
    expect(await lastIssued(page)).toMatchObject({ amr: ['hwk', 'mfa'], acr: 'aal2' });

    const { auth_time: before, sid } = await lastIssued(page);
    host.clock.advance(6 * MINUTE);
    expect(await authenticate(page, '/passkeys/step-up')).toBe(true);
    expect(await lastIssued(page)).toMatchObject({ sid, acr: 'aal2', auth_time: (before as number) + 360 });
    expect(host.events.at(-1)).toMatchObject({ type: 'step_up_passed', userId: id });
  });

  test('is added only shortly after an authentication', async () => {
    const { page } = await browser();
    await newUser(page);
    host.clock.advance(6 * MINUTE);
    await page.evaluate(() => client.refresh());
    expect(await page.evaluate(() => addPasskey().catch(() => 'refused'))).toBe('refused');
  });

  test('of somebody else steps nobody up, and nothing is consumed', async () => {
    const [alice, bob] = [await browser(), await browser()];
    await newUser(alice.page);
    await alice.page.evaluate(() => addPasskey());
    const { credentials } = await alice.devtools.send('WebAuthn.getCredentials', {
      authenticatorId: alice.authenticatorId,
    });
    await newUser(bob.page);
    await bob.devtools.send('WebAuthn.addCredential', {
      authenticatorId: bob.authenticatorId,
      credential: credentials[0],
    });
    const session = (await lastIssued(bob.page)).sid;
    expect(await authenticate(bob.page, '/passkeys/step-up')).toBe(false);
    expect(host.events.at(-1)).toMatchObject({ type: 'step_up_failed', sessionId: session });
    await bob.page.evaluate(() => client.refresh());
    expect((await lastIssued(bob.page)).sid).toBe(session);
  });

  test('answers one challenge once, in its browser, within five minutes', async () => {
    const { page, context } = await browser();
    await newUser(page);
    await page.evaluate(() => addPasskey());
    const asserted = async () => {
      const assertion = await page.evaluate(async () => {
        const options = (await (await client.fetch('/passkeys/challenge', { method: 'POST' })).json()) as never;
        const credential = (await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
        })) as PublicKeyCredential;
        return credential.toJSON() as object;
      });
      const found = (await context.cookies()).find(({ name }) => name === '__Host-passkey_challenge')!;
      return { assertion, cookie: `${found.name}=${found.value}` };
    };
    const present = (body: object, cookie?: string) =>
      send<AuthBody>('POST', `${host.url}/passkeys/sign-in`, { body, headers: cookie ? { cookie } : {} });

    const first = await asserted();
    expect((await present(first.assertion)).status).toBe(401);
    expect((await present(first.assertion, first.cookie)).status).toBe(200);
    expect((await present(first.assertion, first.cookie)).status).toBe(401);

    const second = await asserted();
    const answers = await Promise.all([1, 2, 3].map(() => present(second.assertion, second.cookie)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);

    const [third, other] = [await asserted(), await asserted()];
    expect((await present(third.assertion, other.cookie)).status).toBe(401);

    const late = await asserted();
    host.clock.advance(5 * MINUTE);
    expect((await present(late.assertion, late.cookie)).status).toBe(401);
  });

  test('in a body that is none is 401, and no other site asks for a sign-in', async () => {
    for (const body of [{}, { id: 1 }, { id: 'x', response: null }, []]) {
      const answer = await send<AuthBody>('POST', `${host.url}/passkeys/sign-in`, { body });
      expect(answer, JSON.stringify(body)).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } });
    }
    const { id } = (await host.dataSource.getRepository(host.exported.User).findOneByOrFail({})) as { id: string };
    const { refreshToken, accessToken } = await host.service.issue({ id, roles: ['user'] }, { transport: 'cookie' });
    const headers = { ...cookieHeader(refreshToken), ...bearer(accessToken) };
    for (const body of [{}, { id: 'x' }]) {
      expect((await send('POST', `${host.url}/passkeys/step-up`, { body, headers })).status).toBe(401);
      expect((await send('POST', `${host.url}/passkeys`, { body, headers })).status).toBe(401);
    }
    const refreshed = await send('POST', `${host.url}/auth/refresh`, { headers: cookieHeader(refreshToken) });
    expect(refreshCookie(refreshed)).toMatch(/^nrt_/);
  });
});
