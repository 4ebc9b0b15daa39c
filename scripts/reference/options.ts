import { AccessTokenConfig } from '../../src/auth/access-token/access-token-options.js';
import { AlertConfig } from '../../src/auth/alerts/alert-options.js';
import { WebhookConfig } from '../../src/auth/alerts/webhook-options.js';
import { AuditConfig } from '../../src/auth/audit/audit-options.js';
import { AuthModuleExtras } from '../../src/auth/auth.module-definition.js';
import { BindingConfig, ClientCertificateConfig, DpopConfig } from '../../src/auth/binding/binding-options.js';
import { DatabaseConfig } from '../../src/auth/common/database/auth-database.js';
import { TlsConfig } from '../../src/auth/common/request/tls.js';
import { CookieConfig } from '../../src/auth/cookie/cookie-options.js';
import { FingerprintConfig } from '../../src/auth/device/device-options.js';
import { PassportConfig } from '../../src/auth/guards/passport-options.js';
import { ShutdownConfig } from '../../src/auth/http/shutdown-options.js';
import { RevocationConfig } from '../../src/auth/revocation/revocation-options.js';
import { RiskConfig } from '../../src/auth/risk/risk-options.js';
import { PurgeConfig, RefreshTokenConfig } from '../../src/auth/session/session-options.js';
import { MfaConfig } from '../../src/auth/sign-in/mfa-options.js';
import { UserProviderConfig } from '../../src/auth/user/user-options.js';
import { MmdbGeoIpConfig } from '../../src/integrations/geoip/mmdb-geo-ip.js';
import { MetricsConfig } from '../../src/integrations/metrics/metrics-options.js';
import { OpenTelemetryConfig } from '../../src/integrations/opentelemetry/opentelemetry-options.js';
import { AuthTestingExtras } from '../../src/integrations/testing/auth-testing-options.js';
import { ThrottlingConfig } from '../../src/integrations/throttling/throttling-options.js';
import { basename } from 'node:path';
import ts from 'typescript';
import { declaration, documented, type Documented, members } from './docstrings.js';
import type { Accepted } from '../../src/auth/common/options/checks.js';
import { withImports } from './examples.js';
import { facts, page } from './page.js';

/** Options that one class or interface declares. */
interface Group {
  readonly title: string;
  /** The page that shows how to use them, below `docs`. */
  readonly guide?: string;
  /** Comes before the name of an option in its heading. */
  readonly prefix: string;
  readonly file: string;
  readonly type: string;
  /** Their checks, if they have some, with the class that has the defaults. */
  readonly Config?: {
    readonly Defaults: new () => object;
    readonly accepts: Readonly<Record<string, Accepted | undefined>>;
  };
  /** The class that has the defaults, if there are no checks. */
  readonly Defaults?: new () => object;
  /** Only these options of the type. */
  readonly only?: readonly string[];
}

const GROUPS: readonly Group[] = [
  {
    title: 'Secret',
    guide: 'guides/secret-rotation.md',
    prefix: '',
    file: 'src/auth/auth-options.ts',
    type: 'AuthModuleOptions',
    only: ['secret'],
  },
  {
    title: 'Access tokens',
    prefix: 'accessToken.',
    file: 'src/auth/access-token/access-token-options.ts',
    type: 'AccessTokenOptions',
    Config: AccessTokenConfig,
  },
  {
    title: 'Refresh tokens',
    guide: 'guides/sessions.md',
    prefix: 'refreshToken.',
    file: 'src/auth/session/session-options.ts',
    type: 'RefreshTokenOptions',
    Config: RefreshTokenConfig,
  },
  {
    title: 'Cookies',
    guide: 'guides/cookies.md',
    prefix: 'cookie.',
    file: 'src/auth/cookie/cookie-options.ts',
    type: 'CookieOptions',
    Config: CookieConfig,
  },
  {
    title: 'Revocation',
    guide: 'guides/sessions.md',
    prefix: 'revocation.',
    file: 'src/auth/revocation/revocation-options.ts',
    type: 'RevocationOptions',
    Config: RevocationConfig,
  },
  {
    title: 'Second factor',
    guide: 'guides/second-factor.md',
    prefix: 'mfa.',
    file: 'src/auth/sign-in/mfa-options.ts',
    type: 'MfaOptions',
    Config: MfaConfig,
  },
  {
    title: 'Purge',
    prefix: 'purge.',
    file: 'src/auth/session/session-options.ts',
    type: 'PurgeOptions',
    Config: PurgeConfig,
  },
  {
    title: 'Binding',
    guide: 'guides/binding.md',
    prefix: 'binding.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'BindingOptions',
    Config: BindingConfig,
    only: ['allowed', 'required', 'requiredFor', 'nonceAtResources'],
  },
  {
    title: 'DPoP',
    guide: 'guides/binding.md',
    prefix: 'binding.dpop.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'DpopOptions',
    Config: DpopConfig,
  },
  {
    title: 'TLS client certificates',
    guide: 'guides/binding.md',
    prefix: 'binding.tls.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'ClientCertificateOptions',
    Config: ClientCertificateConfig,
  },
  {
    title: 'Devices',
    guide: 'guides/binding.md',
    prefix: 'binding.fingerprint.',
    file: 'src/auth/device/device-options.ts',
    type: 'FingerprintOptions',
    Config: FingerprintConfig,
  },
  {
    title: 'Risk',
    guide: 'guides/risk-rules.md',
    prefix: 'risk.',
    file: 'src/auth/risk/risk-options.ts',
    type: 'RiskOptions',
    Config: RiskConfig,
  },
  {
    title: 'Audit',
    guide: 'guides/audit-and-alerts.md',
    prefix: 'audit.',
    file: 'src/auth/audit/audit-options.ts',
    type: 'AuditOptions',
    Config: AuditConfig,
  },
  {
    title: 'Alerts',
    guide: 'guides/audit-and-alerts.md',
    prefix: 'alerts.',
    file: 'src/auth/alerts/alert-options.ts',
    type: 'AlertOptions',
    Config: AlertConfig,
  },
  {
    title: 'Passport',
    guide: 'guides/guards.md',
    prefix: 'passport.',
    file: 'src/auth/guards/passport-options.ts',
    type: 'PassportOptions',
    Config: PassportConfig,
  },
  {
    title: 'Shutdown',
    guide: 'deployment.md',
    prefix: 'shutdown.',
    file: 'src/auth/http/shutdown-options.ts',
    type: 'ShutdownOptions',
    Config: ShutdownConfig,
  },
  {
    title: 'User provider',
    prefix: '',
    file: 'src/auth/user/user-options.ts',
    type: 'UserProviderOptions',
    Config: UserProviderConfig,
  },
  {
    title: 'Database',
    guide: 'production.md',
    prefix: '',
    file: 'src/auth/common/database/auth-database.ts',
    type: 'DatabaseOptions',
    Config: DatabaseConfig,
  },
  {
    title: 'TLS',
    guide: 'production.md',
    prefix: '',
    file: 'src/auth/common/request/tls.ts',
    type: 'TlsOptions',
    Config: TlsConfig,
  },
  {
    title: 'Extras',
    guide: 'guides/configuration.md',
    prefix: '',
    file: 'src/auth/auth.module-definition.ts',
    type: 'AuthModuleExtras',
    Defaults: AuthModuleExtras,
  },
  {
    title: 'Throttling',
    guide: 'guides/throttling.md',
    prefix: 'AuthThrottlingModule: ',
    file: 'src/integrations/throttling/throttling-options.ts',
    type: 'AuthThrottlingOptions',
    Config: ThrottlingConfig,
  },
  {
    title: 'Metrics',
    guide: 'guides/metrics.md',
    prefix: 'AuthMetricsModule: ',
    file: 'src/integrations/metrics/metrics-options.ts',
    type: 'AuthMetricsOptions',
    Config: MetricsConfig,
  },
  {
    title: 'OpenTelemetry',
    guide: 'guides/opentelemetry.md',
    prefix: 'AuthOpenTelemetryModule: ',
    file: 'src/integrations/opentelemetry/opentelemetry-options.ts',
    type: 'AuthOpenTelemetryOptions',
    Config: OpenTelemetryConfig,
  },
  {
    title: 'Tests',
    guide: 'testing.md',
    prefix: 'AuthTestingModule: ',
    file: 'src/integrations/testing/auth-testing-options.ts',
    type: 'AuthTestingExtras',
    Defaults: AuthTestingExtras,
  },
  {
    title: 'Webhook',
    guide: 'guides/audit-and-alerts.md',
    prefix: 'webhookAlerts: ',
    file: 'src/auth/alerts/webhook-options.ts',
    type: 'WebhookOptions',
    Config: WebhookConfig,
  },
  {
    title: 'GeoIP',
    guide: 'guides/risk-rules.md',
    prefix: 'mmdbGeoIp: ',
    file: 'src/integrations/geoip/mmdb-geo-ip.ts',
    type: 'MmdbGeoIpOptions',
    Config: MmdbGeoIpConfig,
  },
  {
    title: 'Redis: revocations',
    prefix: 'redisRevocationChannel: ',
    file: 'src/integrations/redis/redis-revocation-channel.ts',
    type: 'RedisRevocationChannelOptions',
  },
  {
    title: 'Redis: used proofs',
    prefix: 'redisReplayStore: ',
    file: 'src/integrations/redis/redis-replay-store.ts',
    type: 'RedisReplayStoreOptions',
  },
  {
    title: 'Redis: throttling',
    prefix: 'redisThrottlerStorage: ',
    file: 'src/integrations/throttling/redis-throttler-storage.ts',
    type: 'RedisThrottlerOptions',
  },
  {
    title: 'Embedded database',
    prefix: 'pgliteDataSourceOptions: ',
    file: 'src/pglite/index.ts',
    type: 'PgliteOptions',
  },
  {
    title: 'Client',
    guide: 'client.md',
    prefix: 'createAuthClient: ',
    file: 'src/client/client-options.ts',
    type: 'AuthClientOptions',
  },
];

/** `docs/reference/options.md`. */
export function optionsPage(): Promise<string> {
  return page(
    'Options',
    [
      'You give these options to `AuthModule.forRoot`, or return them from the factory of `forRootAsync`. The [extras](#extras) stand next to the factory.',
      "A duration is a number and a unit: `ms`, `s`, `m`, `h` or `d`. For example `'15m'`. An invalid option stops the start; the message says what to write.",
    ].join('\n\n'),
    GROUPS.flatMap(section),
  );
}

function section({ title, guide, prefix, file, type, Config, Defaults = Config?.Defaults, only }: Group): string[] {
  const { text } = documented(declaration(file, type));
  const defaults = Defaults && (new Defaults() as Record<string, unknown>);
  const options = members(file, type).filter(({ name }) => only?.includes(name) ?? true);
  const isRequired = requiredIn(file, type);
  return [
    `## ${title}`,
    ...(title === 'Secret' ? [] : [text]),
    ...(guide === undefined ? [] : [`How to use them: [${titleOf(guide)}](../${guide}).`]),
    ...options.flatMap((option) => [
      `### \`${prefix}${option.name}\``,
      option.text,
      facts({
        Type: typeOf(option, defaults?.[option.name], Config?.accepts[option.name]),
        Default: isRequired(option.name) ? 'none: it is required' : defaultOf(option, defaults?.[option.name]),
      }),
      ...option.tags.filter(({ tag }) => tag === 'example').map((example) => codeBlock(withImports(example.text))),
    ]),
  ];
}

/** From the name of the file: `risk-rules` is "Risk rules". */
function titleOf(guide: string): string {
  const words = basename(guide, '.md').replaceAll('-', ' ').replace('cors', 'CORS');
  return words[0].toUpperCase() + words.slice(1);
}

const codeBlock = (code: string) => `\`\`\`ts\n${code}\n\`\`\``;

/** An option without a default that cannot be left out. */
function requiredIn(file: string, type: string): (name: string) => boolean {
  const { members: declared } = declaration(file, type) as ts.ClassDeclaration | ts.InterfaceDeclaration;
  const required = [...declared].filter(
    (member) =>
      (ts.isPropertyDeclaration(member) || ts.isPropertySignature(member)) &&
      member.questionToken === undefined &&
      !(ts.isPropertyDeclaration(member) && member.initializer),
  );
  // Nest's builder makes every extra optional. `AuthModule` itself asks for this one.
  return (name) => name === 'userProvider' || required.some((member) => member.name?.getText() === name);
}

function typeOf({ type }: Documented, value: unknown, accepts: Accepted | undefined): string {
  switch (accepts?.kind) {
    case 'duration':
      return `duration, from \`'${accepts.least}'\` to \`'${accepts.most}'\``;
    case 'integer':
      return `whole number, from ${counted(accepts.least)} to ${counted(accepts.most)}`;
    case 'one of':
      return accepts.values.map((one) => `\`'${one}'\``).join(' or ');
    case 'text':
      return Number.isFinite(accepts.longest) ? `string of at most ${accepts.longest} characters` : 'string';
    case undefined:
      return `\`${(type ?? typeof value).replace(/\s+/g, ' ')}\``;
  }
}

const counted = (value: number) => value.toLocaleString('en');

function defaultOf({ tags }: Documented, value: unknown): string | undefined {
  const stated = tags.find(({ tag }) => tag === 'default')?.text;
  const text = stated ?? written(value);
  return text === undefined ? undefined : `\`${text}\``;
}

function written(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return value.name;
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([name, member]) => `${name}: ${written(member)}`);
  return `{ ${members.join(', ')} }`;
}
