import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { expect } from 'vitest';
import type { AuthApp } from './auth-app.js';
import { type Answer, cookiesSet } from './http.js';

/** A word for bad inputs to contain, which no answer may hold. */
export const CANARY = 'canary7f3a9c';

export interface Refusal {
  status: number;
  error: string;
}

/** What gives away that something has failed inside. */
const INTERNALS =
  /\n\s*at |:\d+:\d+\)|node_modules|\bstack\b|statusCode|TypeError|SyntaxError|QueryFailed|SELECT|UPDATE|pg_/;
/** RFC 6749 §5.2. */
const DESCRIPTION = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;

/** A refusal as it should be: the form, the headers, no cookie, nothing from within, and nothing of what was `sent`. */
export function expectRefusal(answer: Answer, { status, error }: Refusal, sent: string[] = []): void {
  const text = `${JSON.stringify(answer.body)} ${JSON.stringify([...answer.headers])}`;
  for (const word of [CANARY, ...sent]) expect(text).not.toContain(word);
  expect(text).not.toMatch(INTERNALS);
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error, error_description: expect.stringMatching(DESCRIPTION) },
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null);
  expect(cookiesSet(answer).filter(({ value }) => value !== '')).toEqual([]);
}

/** That, and nothing is consumed and nothing is revoked: every row is as it was before. */
export async function expectRefused(
  app: AuthApp,
  request: () => Promise<Answer>,
  refusal: Refusal,
  sent: string[] = [],
): Promise<void> {
  const before = await rowsOf(app);
  const published = app.events.length;
  expectRefusal(await request(), refusal, sent);
  expect(await rowsOf(app)).toEqual(before);
  const happened = app.events.slice(published).map(({ type }) => type);
  expect(happened.filter((type) => type !== 'refresh_denied' && type !== 'sign_in_failed')).toEqual([]);
}

export function rowsOf(app: AuthApp): Promise<RefreshToken[]> {
  return app.dataSource.getRepository(RefreshToken).find({ order: { id: 'ASC' } });
}
