/** The fields that say how a request uses its token, and that prove its binding. */
const OF_EACH_USE = ['idempotency_key', 'received_with', 'client_nonce'] as const;

/** The module's own fields of a login, besides the credentials. */
export const FIELDS_OF_LOGIN: readonly string[] = [
  'client_id',
  'device_name',
  'scope',
  'transport',
  'bind',
  'persistent',
  ...OF_EACH_USE,
];

/** The module's own fields of the second step of a login. Clients may say the transport again. */
export const FIELDS_OF_CONTINUING: readonly string[] = ['mfa_ticket', 'client_id', 'transport', ...OF_EACH_USE];

/** The module's own fields of a step-up, besides the proof. */
export const FIELDS_OF_STEP_UP: readonly string[] = ['refresh_token', 'client_id', ...OF_EACH_USE];
