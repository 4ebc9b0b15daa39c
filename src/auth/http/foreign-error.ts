import { HttpException } from '@nestjs/common';
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { type AuthErrorCode, ERRORS } from '../common/errors/auth-error-codes.js';

/** The answer to an error that a guard, an interceptor, middleware or the server of the host threw. */
export interface ForeignAnswer {
  readonly status: number;
  readonly code: AuthErrorCode;
  readonly description: string;
  readonly headers: [name: string, value: string | string[]][];
  /** Whether the error is not about HTTP. Then it is a failure for the log, and its text must not leak. */
  readonly failed: boolean;
}

/** The parts of errors of Express, Fastify and `http-errors`. Any of them may be missing, or of another type. */
interface HttpErrorLike {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly cause?: unknown;
  readonly type?: unknown;
  readonly code?: unknown;
}

/** They describe the body, which is replaced. */
const OF_BODY = /^(content-.*|transfer-encoding|connection)$/i;
/** The types of errors of `body-parser`, and the codes of the content type parsers of Fastify. */
const BODY_PARSER_TYPE = /^(charset|encoding|entity|parameters|querystring|request|stream)\./;
const CONTENT_TYPE_PARSER_CODE = /^FST_ERR_CTP_/;

/** The status and the headers of the host stay. The text never comes from the error. */
export function foreignAnswer(exception: unknown): ForeignAnswer {
  if (isOfBody(exception)) return withoutHeaders('invalid_request');
  const status = statusOf(exception);
  if (status === undefined) return { ...withoutHeaders('server_error'), failed: true };
  const description = STATUS_CODES[status] ?? 'Error';
  return { status, code: codeOf(status), description, headers: headersOf(exception), failed: false };
}

function withoutHeaders(code: AuthErrorCode): ForeignAnswer {
  const [status, description] = ERRORS[code];
  return { status, code, description, headers: [], failed: false };
}

/** Whether the body of the request cannot be read, is too large, or has an unsupported type. */
function isOfBody(exception: unknown): boolean {
  return withCause(exception).some(
    ({ type, code }) =>
      (typeof type === 'string' && BODY_PARSER_TYPE.test(type)) ||
      (typeof code === 'string' && CONTENT_TYPE_PARSER_CODE.test(code)),
  );
}

function statusOf(exception: unknown): number | undefined {
  if (exception instanceof HttpException) return valid(exception.getStatus(), 300);
  const error = partsOf(exception);
  // The error of an HTTP client has the status that another server sent.
  if (!error || 'response' in error || 'request' in error || 'config' in error) return undefined;
  return valid(error.statusCode ?? error.status, 400);
}

function valid(status: unknown, least: number): number | undefined {
  return Number.isInteger(status) && (status as number) >= least && (status as number) < 600
    ? (status as number)
    : undefined;
}

function codeOf(status: number): AuthErrorCode {
  switch (status) {
    case 401:
      return 'unauthorized';
    case 402:
    case 403:
    case 407:
    case 409:
    case 423:
    case 451:
      return 'forbidden';
    case 404:
    case 410:
      return 'not_found';
    case 429:
      return 'too_many_requests';
    case 408:
    case 425:
    case 502:
    case 503:
    case 504:
      return 'temporarily_unavailable';
    default:
      if (status >= 500) return 'server_error';
      return status >= 400 ? 'invalid_request' : 'temporarily_unavailable';
  }
}

function headersOf(exception: unknown): ForeignAnswer['headers'] {
  return withCause(exception).flatMap(({ headers }) =>
    Object.entries(partsOf(headers) ?? {})
      .map(([name, value]: [string, unknown]) => [name, sendable(value)] as [string, string | string[] | undefined])
      .filter((header): header is [string, string | string[]] => !OF_BODY.test(header[0]) && canBeSent(...header)),
  );
}

function sendable(value: unknown): string | string[] | undefined {
  if (Array.isArray(value)) return value.filter((one) => typeof one === 'string');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function canBeSent(name: string, value: string | string[] | undefined): boolean {
  if (value === undefined) return false;
  try {
    validateHeaderName(name);
    for (const one of [value].flat()) validateHeaderValue(name, one);
    return true;
  } catch {
    return false;
  }
}

/** Nest wraps the errors of Express and Fastify, and keeps the original as the cause. */
function withCause(exception: unknown): HttpErrorLike[] {
  const error = partsOf(exception);
  const cause = exception instanceof HttpException ? partsOf(exception.cause) : undefined;
  return [error, cause].filter((one) => one !== undefined);
}

function partsOf(value: unknown): HttpErrorLike | undefined {
  return typeof value === 'object' && value !== null ? value : undefined;
}
