import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { complete, integer } from '../common/options/checks.js';
import { durationOption } from '../common/options/duration.js';

/** Where alerts are posted, and how hard it is tried. */
export class WebhookOptions {
  /** `https://…`, or `http://…` within a network of your own. */
  url: string;
  /** At least 24 bytes that the receiver knows too; as `whsec_` and base64 (Standard Webhooks), or any other text. */
  secret: string;
  /** How long the receiver may take to answer. `'10ms'` to `'60s'`. */
  timeout = '5s';
  /** How often an alert is tried again after a failure. 0 to 20. */
  retries = 5;
  /** The wait before the first of them; it doubles from one to the next, up to a minute. `'1ms'` to `'60s'`. */
  backOff = '1s';
  /** Alerts that wait to be posted, at most; of more, the newest are lost, and counted. 1 to 100,000. */
  queueSize = 1000;
  /** How long an orderly stop waits for what is left. `'0s'` to `'60s'`. */
  stopTimeout = '2s';
}

/** What {@link webhookAlerts} takes: `url` and `secret` are required. */
export type WebhookAlertsOptions = Pick<WebhookOptions, 'url' | 'secret'> &
  Partial<Omit<WebhookOptions, 'url' | 'secret'>>;

export interface ResolvedWebhookOptions {
  readonly url: string;
  readonly key: Buffer;
  readonly timeout: number;
  readonly retries: number;
  readonly backOff: number;
  readonly queueSize: number;
  readonly stopTimeout: number;
}

const LEAST_KEY_BYTES = 24;

export function resolveWebhookOptions(given: WebhookAlertsOptions): ResolvedWebhookOptions {
  const options = complete('webhookAlerts', new WebhookOptions(), given, ['url', 'secret']);
  return {
    url: urlOf(options.url),
    key: keyOf(options.secret),
    timeout: durationOption('webhookAlerts: timeout', options.timeout, '10ms', '60s'),
    retries: integer('webhookAlerts: retries', options.retries, 0, 20),
    backOff: durationOption('webhookAlerts: backOff', options.backOff, '1ms', '60s'),
    queueSize: integer('webhookAlerts: queueSize', options.queueSize, 1, 100_000),
    stopTimeout: durationOption('webhookAlerts: stopTimeout', options.stopTimeout, '0s', '60s'),
  };
}

/** The message never holds the URL: its path may be a secret. */
function urlOf(url: unknown): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '')
    return parsed.href;
  throw new AuthConfigurationError(
    "webhookAlerts: url must be an absolute URL without a password, such as 'https://alerts.example/hook'.",
  );
}

function keyOf(secret: unknown): Buffer {
  const prefix = 'whsec_';
  const text = typeof secret === 'string' ? secret : '';
  const key = text.startsWith(prefix) ? Buffer.from(text.slice(prefix.length), 'base64') : Buffer.from(text);
  if (key.length >= LEAST_KEY_BYTES) return key;
  throw new AuthConfigurationError(
    `webhookAlerts: secret takes at least ${LEAST_KEY_BYTES} bytes. Make one with: openssl rand -base64 32`,
  );
}
