import { Injectable } from '@nestjs/common';
import type { BindingKind } from '../binding/binding-kind.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { ReuseReason } from './refresh-rule.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';

/** Reasons that say nothing about the session: it goes on. */
const LIVING = new Set(['concurrent', 'client_mismatch']);
const ALERTING = new Set(['not_genuine', 'client_mismatch']);

/**
 * Refuses a refresh. The event has the reason; the client gets `invalid_grant`, or `superseded`. Each method returns the
 * error to throw, except `tell`.
 */
@Injectable()
export class RefreshRefusal {
  constructor(
    private readonly revocation: SessionRevocation,
    private readonly events: AuthEventBus,
  ) {}

  /** The string is not a refresh token, or a server with different secrets issued it. */
  notIssuedHere(client: ClientContext): AuthError {
    return this.denied(undefined, 'not_issued_here', client);
  }

  denied(session: RefreshToken | undefined, reason: string, client: ClientContext, generation?: number): AuthError {
    this.tell(session, reason, client, generation);
    return new AuthError('invalid_grant', undefined, { sessionLives: LIVING.has(reason) });
  }

  /** The token is valid, but the request lacks the proof that the session is bound to. The session stays alive. */
  unbound(session: RefreshToken, kind: BindingKind, client: ClientContext): AuthError {
    this.events.publish({ type: 'binding_failed', alert: true, reason: kind, ...eventIdsOf(session), ...client });
    return new AuthError('invalid_grant', undefined, { sessionLives: true, bindingFailed: true });
  }

  /** The request is finished, or its client has a newer token. The session stays alive. */
  superseded(session: RefreshToken, generation: number, client: ClientContext): AuthError {
    this.tell(session, 'superseded', client, generation);
    return new AuthError('superseded');
  }

  /** Ends the session, because two parties hold its tokens. */
  async reused(
    session: RefreshToken,
    reason: ReuseReason,
    generation: number,
    client: ClientContext,
  ): Promise<AuthError> {
    if (!(await this.revocation.end(session, reason, client))) {
      return this.denied(session, 'revoked', client, generation);
    }
    this.events.publish({ type: reason, alert: true, ...eventIdsOf(session), generation, ...client });
    return new AuthError('invalid_grant');
  }

  /** Publishes that a token was refused, and returns no error. */
  tell(session: RefreshToken | undefined, reason: string, client: ClientContext, generation?: number): void {
    const alert = ALERTING.has(reason) ? true : undefined;
    const ids = session && eventIdsOf(session);
    this.events.publish({ type: 'refresh_denied', alert, reason, ...ids, generation, ...client });
  }
}
