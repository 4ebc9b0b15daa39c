import type { AuthEvent } from '../../auth/events/auth-event.js';

/** The label `outcome` of a refresh. */
export type RefreshOutcome = 'refreshed' | 'repeated' | 'denied' | 'step_up' | 'reuse';

export function refreshOutcomeOf({ type, generation }: AuthEvent): RefreshOutcome | undefined {
  switch (type) {
    case 'refreshed':
      return 'refreshed';
    case 'refresh_repeated':
      return 'repeated';
    case 'refresh_denied':
      return 'denied';
    case 'binding_failed':
      // Sign-ins and guarded routes have no generation.
      return generation === undefined ? undefined : 'denied';
    case 'step_up_required':
      return 'step_up';
    case 'reuse_detected':
    case 'token_shared':
      return 'reuse';
    default:
      return undefined;
  }
}

/** Reasons of the host would be an unlimited number of label values. */
const REASONS: ReadonlySet<string> = new Set([
  'logout',
  'logout_all',
  'ended_by_user',
  'ended_by_admin',
  'password_changed',
  'user_unavailable',
  'reuse_detected',
  'token_shared',
  'replaced',
  'session_limit',
  'credentials_changed',
  'sign_in_failed',
  'device_changed',
]);

export function revocationReasonOf({ reason = '' }: AuthEvent): string {
  return REASONS.has(reason) ? reason : 'other';
}
