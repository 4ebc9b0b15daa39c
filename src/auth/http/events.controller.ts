import { Controller, Get, Query, UseFilters, UseGuards } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthEventLog } from '../audit/auth-event-log.js';
import type { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { AuthError } from '../common/errors/auth-error.js';
import { CurrentUser } from '../guards/current-user.decorator.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { NoStore } from './no-store.decorator.js';

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
  async list(
    @CurrentUser() user: AuthenticatedUser,
    @Query('session_id') sessionId?: unknown,
    @Query('limit') limit?: unknown,
    @Query('before') before?: unknown,
  ): Promise<EventResponse[]> {
    const events = await this.log.ofUser(user.id, {
      sessionId: uuidParameter('session_id', sessionId),
      before: uuidParameter('before', before),
      limit: limitParameter(limit),
      withoutRecentRefreshes: true,
    });
    return events.map(eventResponse);
  }
}

function uuidParameter(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && isUUID(value)) return value.toLowerCase();
  throw new AuthError('invalid_request', `Not valid: ${name}.`);
}

function limitParameter(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const limit = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (limit < 1) throw new AuthError('invalid_request', 'Not valid: limit.');
  return Math.min(limit, LARGEST_LIMIT);
}

function eventResponse(event: AuthEventRecord): EventResponse {
  const { id, type, at, sessionId, reason, ip, country, userAgent, outcome } = event;
  const time = new Date(at).toISOString();
  return { id, type, at: time, session_id: sessionId, reason, ip, country, user_agent: userAgent, outcome };
}
