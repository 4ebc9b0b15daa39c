import type { ExecutionContext } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpResponse } from '../common/request/http-request.js';
import { isOver, rawResponse } from '../streams/open-response.js';
import { NO_STORE } from './no-store.decorator.js';

/** What an auth route answers. Without a body it is 204, or 303 (RFC 9110 §15.4.4) to a location. */
export interface OwnAnswer {
  readonly body?: object;
  readonly location?: string;
  /** `Set-Cookie` headers. */
  readonly cookies?: string[];
}

interface Decision {
  readonly answer?: OwnAnswer;
  readonly error?: unknown;
}

/** A raw response, which Express extends. Middleware gets one on Fastify, too. */
interface RawResponse {
  statusCode: number;
  readonly headersSent: boolean;
  getHeader(name: string): string | string[] | undefined;
  setHeader(name: string, value: string | string[]): unknown;
  appendHeader(name: string, value: string[]): unknown;
  removeHeader(name: string): unknown;
  end(text?: string): unknown;
  once(event: 'pipe', listener: (source: { unpipe(target: unknown): unknown }) => void): unknown;
  /** Only of Express. */
  send?: unknown;
  json?: unknown;
}

/** The response of Fastify. */
interface Reply {
  readonly raw: RawResponse;
  readonly sent: boolean;
  code(status: number): unknown;
  serializer(serialize: (payload: string) => string): unknown;
  getHeader(name: string): string | string[] | undefined;
  header(name: string, value: string | string[]): unknown;
  removeHeader(name: string): unknown;
  send?: (text?: string) => unknown;
}

const running = new WeakMap<HttpResponse, Promise<void>>();
const decisions = new WeakMap<HttpResponse, Decision>();

/**
 * Runs the work of a route once for each request, and answers with its result. Interceptors of the host run around it,
 * but cannot change the answer: they see `undefined` or the error, and whatever they return, Nest sends this result. So
 * none of them can keep, show or hand on a token. A second call, for example by `retry`, gets the first result.
 */
export function answerOnce(response: HttpResponse, work: () => Promise<OwnAnswer>): Promise<void> {
  let decided = running.get(response);
  if (!decided) {
    decided = decide(response, work);
    running.set(response, decided);
  }
  return decided;
}

async function decide(response: HttpResponse, work: () => Promise<OwnAnswer>): Promise<void> {
  try {
    const answer = await work();
    decisions.set(response, { answer });
    sendInstead(response, () => {
      if (!isAnswered(response)) writeOwn(response, answer);
    });
  } catch (error) {
    decisions.set(response, { error });
    sendInstead(response, () => {
      throw error;
    });
    throw error;
  }
}

/** The work of the route for this response; `undefined` if it has not begun. It may outlive the request. */
export function workOf(response: HttpResponse): Promise<void> | undefined {
  return running.get(response);
}

/** What the route has decided for this response; `undefined` if it has not come to that. */
export function decisionOf(response: HttpResponse): Decision | undefined {
  return decisions.get(response);
}

/** The same for the request of this context. Requests that are not of HTTP have none. */
export function decisionIn(context: ExecutionContext): Decision | undefined {
  return context.getType() === 'http' ? decisionOf(context.switchToHttp().getResponse()) : undefined;
}

export function isAnswered(response: HttpResponse): boolean {
  const to = response as unknown as Reply | RawResponse;
  return 'raw' in to ? to.sent || to.raw.headersSent : to.headersSent;
}

/** Ends an answer that the host has begun. */
export function endAnswer(response: HttpResponse): void {
  const raw = rawResponse(response);
  if (raw.headersSent && !raw.writableEnded) raw.end();
}

export function writeOwn(response: HttpResponse, { body, location, cookies }: OwnAnswer): void {
  if (location === undefined) writeAnswer(response, body === undefined ? 204 : 200, body, { cookies });
  else writeAnswer(response, 303, undefined, { cookies, headers: [['Location', location]] });
}

/**
 * Like {@link answerOnce}, for a route of the host, which may send nothing itself (`@Res()` without `passthrough`). So the
 * answer is written at once, and what Nest sends after it is dropped. An error is for the host's filters. It gets the
 * headers of the refusal, which they need not know.
 *
 * @param refusal what a refusal answers besides its body
 * @throws AuthError `temporarily_unavailable` if the host has answered, for example by a timeout
 */
export function answerNow(
  response: HttpResponse,
  work: () => Promise<OwnAnswer>,
  refusal: (error: unknown) => AnswerHeaders,
): Promise<void> {
  const known = running.get(response);
  if (known) return known;
  const decided = writeNow(response, work).catch((error: unknown) => {
    // The host may catch it, and try something else.
    running.delete(response);
    if (!isAnswered(response)) setHeaders(response, refusal(error));
    throw error;
  });
  running.set(response, decided);
  return decided;
}

async function writeNow(response: HttpResponse, work: () => Promise<OwnAnswer>): Promise<void> {
  assertUnanswered(response);
  const answer = await work();
  assertUnanswered(response);
  decisions.set(response, { answer });
  writeOwn(response, answer);
  // Hooks of Fastify may still be running. They can fail, and then the host's filters answer.
  await written(rawResponse(response));
  sendInstead(response, () => undefined);
}

function assertUnanswered(response: HttpResponse): void {
  if (isAnswered(response)) throw new AuthError('temporarily_unavailable');
}

/** Resolves as well if the client has hung up. */
async function written(raw: ReturnType<typeof rawResponse>): Promise<void> {
  if (isOver(raw)) return;
  await new Promise<void>((resolve) => raw.once('finish', resolve).once('close', resolve));
}

/** The headers of an answer, without those of its body. */
export interface AnswerHeaders {
  readonly headers?: [name: string, value: string | string[]][];
  readonly cookies?: string[];
}

function setHeaders(response: HttpResponse, { headers = [], cookies = [] }: AnswerHeaders): void {
  const to = response as unknown as Reply | RawResponse;
  const isReply = 'raw' in to;
  for (const [name, value] of [NO_STORE, ...headers]) {
    if (isReply) to.header(name, value);
    else to.setHeader(name, value);
  }
  // Those of a refusal stay when a filter answers it.
  const present = [to.getHeader('Set-Cookie') ?? []].flat();
  const missing = cookies.filter((cookie) => !present.includes(cookie));
  if (missing.length === 0) return;
  if (isReply) to.header('Set-Cookie', missing);
  else to.appendHeader('Set-Cookie', missing);
}

/**
 * Writes past what the host may have put in the place of `send` and `json`. On Fastify, text skips the hook
 * `preSerialization`; the hook `onSend` always sees it.
 */
export function writeAnswer(
  response: HttpResponse,
  status: number,
  body: object | undefined,
  headers: AnswerHeaders,
): void {
  const to = response as unknown as Reply | RawResponse;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const isReply = 'raw' in to;
  const set = (name: string, value: string | string[]) =>
    isReply ? to.header(name, value) : to.setHeader(name, value);
  setHeaders(response, headers);
  if (text === undefined) {
    to.removeHeader('Content-Type');
    to.removeHeader('Content-Length');
  } else {
    set('Content-Type', 'application/json; charset=utf-8');
    set('Content-Length', String(Buffer.byteLength(text)));
  }
  delete to.send;
  if (isReply) {
    to.code(status);
    // A hook of the host may have set one for its own answers.
    to.serializer((payload) => payload);
    to.send!(text);
  } else {
    to.statusCode = status;
    to.end(text);
  }
}

/** Nest sends what the interceptors return, by `send`, by `json`, or as a stream. */
function sendInstead(response: HttpResponse, send: () => void): void {
  const to = response as unknown as Reply | RawResponse;
  const sendOwn = () => {
    send();
    return to;
  };
  to.send = sendOwn;
  if ('raw' in to) return;
  to.json = sendOwn;
  to.once('pipe', (source) => {
    source.unpipe(to);
    send();
  });
}
