import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { assertTrimmed, integer } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** Where alerts are posted, and how often a failed delivery is tried again. */
export class WebhookOptions {
  /** The URL that gets the alerts: `https://…`, or `http://…` within your own network. It holds no password. */
  url: string;
  /**
   * The key that signs the alerts. The receiver knows it too. At least 24 bytes: `whsec_` and base64 (Standard
   * Webhooks), or any other text without white space at its ends.
   */
  secret: string;
  /** How long the receiver may take to answer. */
  timeout = '5s';
  /** How often a failed delivery is tried again. */
  retries = 5;
  /** The wait before the first retry. It doubles from retry to retry, up to one minute. */
  backOff = '1s';
  /** How many alerts may wait to be posted. If there are more, the newest are lost and counted. */
  queueSize = 1000;
  /** How long a graceful stop waits for the last deliveries. */
  stopTimeout = '2s';
}

/** What {@link webhookAlerts} takes: `url` and `secret` are required. */
export type WebhookAlertsOptions = Pick<WebhookOptions, 'url' | 'secret'> &
  Partial<Omit<WebhookOptions, 'url' | 'secret'>>;

export class WebhookConfig extends configOf('webhookAlerts: ', WebhookOptions, {
  url: checkedUrl,
  secret: keyOf,
  timeout: duration('10ms', '60s'),
  retries: integer(0, 20),
  backOff: duration('1ms', '60s'),
  queueSize: integer(1, 100_000),
  stopTimeout: duration('0s', '60s'),
}) {}

/** The message never holds the URL: its path may be a secret. */
function checkedUrl(name: string, url: unknown): string {
  if (typeof url === 'string') assertTrimmed(name, url);
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '')
    return parsed.href;
  throw new AuthConfigurationError(
    `${name} must be an absolute URL without a password, for example 'https://alerts.example/hook'.`,
  );
}

const LEAST_KEY_BYTES = 24;

function keyOf(name: string, secret: unknown): Buffer {
  const prefix = 'whsec_';
  const text = typeof secret === 'string' ? secret : '';
  assertTrimmed(name, text);
  const key = text.startsWith(prefix) ? Buffer.from(text.slice(prefix.length), 'base64') : Buffer.from(text);
  if (key.length >= LEAST_KEY_BYTES) return key;
  throw new AuthConfigurationError(
    `${name} takes at least ${LEAST_KEY_BYTES} bytes. Make one with: openssl rand -base64 32`,
  );
}
