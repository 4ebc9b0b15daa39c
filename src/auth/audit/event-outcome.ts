import type { AuthEvent } from '../events/auth-event.js';

/** The outcome of an event, in one word. */
export type AuthEventOutcome =
  | 'success'
  /** The request succeeded, but raised an alert. */
  | 'alert'
  | 'step_up'
  | 'denied'
  | 'revoked';

export function outcomeOf({ type, alert }: Pick<AuthEvent, 'type' | 'alert'>): AuthEventOutcome {
  switch (type) {
    case 'step_up_required':
    case 'mfa_required':
      return 'step_up';
    case 'sign_in_failed':
    case 'refresh_denied':
    case 'step_up_failed':
    case 'binding_failed':
    case 'throttled':
      return 'denied';
    case 'reuse_detected':
    case 'token_shared':
    case 'revoked':
      return 'revoked';
    default:
      return alert ? 'alert' : 'success';
  }
}
