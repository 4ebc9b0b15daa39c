import { parseSetCookie, type SetCookie } from 'cookie';

/** An answer, read to its end. */
export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  /** Parsed where the answer is JSON, else its text; `undefined` where it is empty. */
  body: Body;
}

/** What the `/auth` routes answer: the first half with a 200, the second with an error. */
export interface AuthBody {
  access_token: string;
  token_type: string;
  expires_in: number;
  scope: string;
  session_id: string;
  generation: number;
  /** Only with `transport: 'body'`. */
  refresh_token: string;
  /** Only with `transport: 'body'`, where the session is bound to one. */
  client_nonce: string;

  error: string;
  error_description: string;
}

export interface Credentials {
  username: string;
  password: string;
  client_id?: string;
  device_name?: string;
  scope?: string;
  transport?: 'cookie' | 'body';
  bind?: 'nonce' | 'tls';
  idempotency_key?: string;
}

type HeaderFields = Record<string, string>;

interface SendOptions {
  headers?: HeaderFields;
  body?: unknown;
  text?: string;
  signal?: AbortSignal;
}

/** One request; `body` is sent as JSON, `text` as it is. */
export async function send<Body = unknown>(
  method: string,
  url: string,
  { headers = {}, body, text: raw, signal }: SendOptions = {},
): Promise<Answer<Body>> {
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined ? raw : JSON.stringify(body),
    redirect: 'manual',
    signal,
  });
  const text = await response.text();
  const isJson = /^application\/([\w.+-]+\+)?json\b/.test(response.headers.get('content-type') ?? '');
  const parsed: unknown = text === '' ? undefined : isJson ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body: parsed as Body };
}

export function login(url: string, credentials: Credentials, headers?: HeaderFields): Promise<Answer<AuthBody>> {
  return send('POST', `${url}/auth/login`, { headers, body: credentials });
}

/** Refreshes with a token in the body; where it is in the cookie, pass `undefined` and `cookieHeader(token)`. */
export function refresh(url: string, token?: string, headers?: HeaderFields): Promise<Answer<AuthBody>> {
  const body = token === undefined ? undefined : { refresh_token: token };
  return send('POST', `${url}/auth/refresh`, { headers, body });
}

/** The header field that presents an access token. */
export function bearer(accessToken: string): HeaderFields {
  return { authorization: `Bearer ${accessToken}` };
}

export const REFRESH_COOKIE = '__Host-refresh_token';

/** The header field that presents a refresh token as a browser does. */
export function cookieHeader(refreshToken: string): HeaderFields {
  return { cookie: `${REFRESH_COOKIE}=${refreshToken}` };
}

/** The cookies that an answer sets, with their attributes. */
export function cookiesSet(answer: Answer): SetCookie[] {
  return answer.headers.getSetCookie().map((field) => parseSetCookie(field));
}

/** The refresh token that an answer set as a cookie; `undefined` where it set none, an empty string where it cleared it. */
export function refreshCookie(answer: Answer): string | undefined {
  return cookiesSet(answer).find(({ name }) => name === REFRESH_COOKIE)?.value;
}
