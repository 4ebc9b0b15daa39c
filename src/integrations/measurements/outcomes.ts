import type { AuthEvent, AuthEventType } from '../../auth/events/auth-event.js';

/** The values of the label `outcome` of a sign-in. */
export const SIGN_IN_OUTCOMES = ['success', 'failure'] as const;

/** The values of the label `outcome` of a refresh. */
export const REFRESH_OUTCOMES = ['refreshed', 'repeated', 'denied', 'step_up', 'reuse'] as const;

export type RefreshOutcome = (typeof REFRESH_OUTCOMES)[number];

/** The reasons of `throttled`. */
export const THROTTLED_REASONS: readonly string[] = [
  'login',
  'login_of_address',
  'login_of_name',
  'refresh',
  'step_up',
  'mfa',
];

/** The events that may be alerts. */
export const ALERTS: readonly AuthEventType[] = [
  'signed_in',
  'refreshed',
  'refresh_repeated',
  'refresh_denied',
  'step_up_required',
  'throttled',
  'reuse_detected',
  'token_shared',
  'row_rolled_back',
  'mass_reuse',
  'binding_failed',
  'device_changed',
  'feed_stale',
];

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

/** The values of the label `reason` of a revocation. Reasons of the host would be an unlimited number of them. */
export const REVOCATION_REASONS: readonly string[] = [
  'logout',
  'logout_all',
  'ended_by_user',
  'ended_by_admin',
  'password_changed',
  'user_unavailable',
  'impersonator_unavailable',
  'reuse_detected',
  'token_shared',
  'replaced',
  'session_limit',
  'credentials_changed',
  'sign_in_failed',
  'device_changed',
  'user_forgotten',
  'revoked_all',
  'other',
];

export function revocationReasonOf({ reason = '' }: AuthEvent): string {
  return REVOCATION_REASONS.includes(reason) ? reason : 'other';
}
