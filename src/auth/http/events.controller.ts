import { Controller, Get, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthEventLog } from '../audit/auth-event-log.js';
import type { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { NoStore } from './no-store.decorator.js';
import { answerOnce } from './own-answer.js';

/** One event in the response of `GET /auth/events`. The time is ISO 8601 in UTC. */
export interface EventResponse {
  id: string;
  type: string;
  at: string;
  session_id: string | null;
  reason: string | null;
  ip: string | null;
  country: string | null;
  user_agent: string | null;
  outcome: string;
}

const LARGEST_LIMIT = 200;

/** The events of the signed-in user's sessions, the latest first. A refresh is in the list after five minutes. */
@Controller('auth/events')
@UseFilters(AuthRouteFilter)
@UseGuards(JwtAuthGuard)
export class EventsController {
  constructor(private readonly log: AuthEventLog) {}

  /** The list is empty for a session of a different user. */
  @Get()
  @NoStore()
  list(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const parameters = queryOf(request);
      const events = await this.log.ofUser((request.user as AuthenticatedUser).id, {
        sessionId: uuidParameter('session_id', parameters),
        before: uuidParameter('before', parameters),
        limit: limitParameter(parameters),
        withoutRecentRefreshes: true,
      });
      return { body: events.map(eventResponse) };
    });
  }
}

/** Read from the request line itself: the host may have its own query parser. */
function queryOf({ originalUrl, url }: HttpRequest): URLSearchParams {
  const [, query = ''] = (originalUrl ?? url).split(/\?(.*)/s);
  return new URLSearchParams(query);
}

function uuidParameter(name: string, query: URLSearchParams): string | undefined {
  const value = parameter(name, query);
  if (value !== undefined && !isUUID(value)) throw notValid(name);
  return value?.toLowerCase();
}

function limitParameter(query: URLSearchParams): number | undefined {
  const value = parameter('limit', query);
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) throw notValid('limit');
  return Math.min(Number(value), LARGEST_LIMIT);
}

function parameter(name: string, query: URLSearchParams): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw notValid(name);
  return values[0];
}

function notValid(name: string): AuthError {
  return new AuthError('invalid_request', `Not valid: ${name}.`);
}

function eventResponse(event: AuthEventRecord): EventResponse {
  const { id, type, at, sessionId, reason, ip, country, userAgent, outcome } = event;
  const time = new Date(at).toISOString();
  return { id, type, at: time, session_id: sessionId, reason, ip, country, user_agent: userAgent, outcome };
}
