import { afterAll, beforeAll } from 'vitest';
import { type Adapter, type AuthApp, createAuthApp } from './auth-app.js';
import { type DatabaseName, databaseNamed } from './databases.js';
import { type Answer, type AuthBody, type Credentials, login, refreshCookie } from './http.js';

export type ListeningSetup = Parameters<typeof createAuthApp>[2] & {
  database?: DatabaseName;
  /** Where failures are provoked, what they log is no news. */
  quiet?: boolean;
};

/** An app that listens while the tests of this block run; to be used within them only. */
export function listening(
  adapter: Adapter,
  { database = 'sqljs', quiet = false, ...setup }: ListeningSetup = {},
): AuthApp {
  const app = {} as AuthApp;
  let drop = async () => {};
  beforeAll(async () => {
    const created = await databaseNamed(database).create();
    drop = created.drop;
    Object.assign(app, await createAuthApp(adapter, created, setup));
    if (quiet) app.app.useLogger(false);
  });
  afterAll(async () => {
    // After an abort, `fetch` opens a connection on which it sends nothing. The application would wait for that, up to 10 s.
    app.app?.getHttpServer().closeAllConnections?.();
    await app.close?.();
    await drop();
  });
  return app;
}

export interface SignedIn {
  answer: Answer<AuthBody>;
  accessToken: string;
  /** Wherever it came. */
  refreshToken: string;
  sessionId: string;
}

/** A new session: alice's, with the refresh token in the body, where nothing else is asked for. */
export async function signIn(
  { url }: { url: string },
  { username = 'alice', ...more }: Partial<Credentials> = {},
  headers?: Record<string, string>,
): Promise<SignedIn> {
  const credentials: Credentials = { username, password: `${username}-password`, transport: 'body', ...more };
  const answer = await login(url, credentials, headers);
  if (answer.status !== 200) throw new Error(`The login was answered with ${answer.status}.`);
  const { access_token: accessToken, refresh_token, session_id: sessionId } = answer.body;
  return { answer, accessToken, refreshToken: refresh_token ?? refreshCookie(answer), sessionId };
}

/** What a JWT says, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()) as Record<string, unknown>;
}

/** An answer without what differs from one answer to the next by nature, so that two can be compared. */
export function comparable({ status, headers, body }: Answer) {
  const lasting = [...headers].filter(([name]) => name !== 'date');
  return { status, headers: lasting, body };
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
