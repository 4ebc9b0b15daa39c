import { AccessTokenOptions } from '../../src/auth/access-token/access-token-options.js';
import { AlertOptions } from '../../src/auth/alerts/alert-options.js';
import { WebhookOptions } from '../../src/auth/alerts/webhook-options.js';
import { AuditOptions } from '../../src/auth/audit/audit-options.js';
import { AuthModuleExtras } from '../../src/auth/auth.module-definition.js';
import { BindingOptions, ClientCertificateOptions, DpopOptions } from '../../src/auth/binding/binding-options.js';
import { DatabaseOptions } from '../../src/auth/common/database/auth-database.js';
import { TlsOptions } from '../../src/auth/common/request/tls.js';
import { CookieOptions } from '../../src/auth/cookie/cookie-options.js';
import { FingerprintOptions } from '../../src/auth/device/device-options.js';
import { RevocationOptions } from '../../src/auth/revocation/revocation-options.js';
import { RiskOptions } from '../../src/auth/risk/risk-options.js';
import { PurgeOptions, RefreshTokenOptions } from '../../src/auth/session/session-options.js';
import { UserProviderOptions } from '../../src/auth/user/user-options.js';
import { MmdbGeoIpOptions } from '../../src/integrations/geoip/mmdb-geo-ip.js';
import { AuthMetricsOptions } from '../../src/integrations/metrics/metrics-options.js';
import { AuthThrottlingOptions } from '../../src/integrations/throttling/throttling-options.js';
import ts from 'typescript';
import { declaration, documented, type Documented, members } from './docstrings.js';
import { facts, page } from './page.js';

/** Options that one class or interface declares. */
interface Group {
  readonly title: string;
  /** Comes before the name of an option in its heading. */
  readonly prefix: string;
  readonly file: string;
  readonly type: string;
  /** The class, if there is one: an instance has the defaults. */
  readonly Defaults?: new () => object;
  /** Only these options of the type. */
  readonly only?: readonly string[];
}

const GROUPS: readonly Group[] = [
  { title: 'Secret', prefix: '', file: 'src/auth/auth-options.ts', type: 'AuthModuleOptions', only: ['secret'] },
  {
    title: 'Access tokens',
    prefix: 'accessToken.',
    file: 'src/auth/access-token/access-token-options.ts',
    type: 'AccessTokenOptions',
    Defaults: AccessTokenOptions,
  },
  {
    title: 'Refresh tokens',
    prefix: 'refreshToken.',
    file: 'src/auth/session/session-options.ts',
    type: 'RefreshTokenOptions',
    Defaults: RefreshTokenOptions,
  },
  {
    title: 'Cookies',
    prefix: 'cookie.',
    file: 'src/auth/cookie/cookie-options.ts',
    type: 'CookieOptions',
    Defaults: CookieOptions,
  },
  {
    title: 'Revocation',
    prefix: 'revocation.',
    file: 'src/auth/revocation/revocation-options.ts',
    type: 'RevocationOptions',
    Defaults: RevocationOptions,
  },
  {
    title: 'Purge',
    prefix: 'purge.',
    file: 'src/auth/session/session-options.ts',
    type: 'PurgeOptions',
    Defaults: PurgeOptions,
  },
  {
    title: 'Binding',
    prefix: 'binding.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'BindingOptions',
    Defaults: BindingOptions,
    only: ['allowed', 'required', 'requiredFor', 'nonceAtResources'],
  },
  {
    title: 'DPoP',
    prefix: 'binding.dpop.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'DpopOptions',
    Defaults: DpopOptions,
  },
  {
    title: 'TLS client certificates',
    prefix: 'binding.tls.',
    file: 'src/auth/binding/binding-options.ts',
    type: 'ClientCertificateOptions',
    Defaults: ClientCertificateOptions,
  },
  {
    title: 'Devices',
    prefix: 'binding.fingerprint.',
    file: 'src/auth/device/device-options.ts',
    type: 'FingerprintOptions',
    Defaults: FingerprintOptions,
  },
  {
    title: 'Risk',
    prefix: 'risk.',
    file: 'src/auth/risk/risk-options.ts',
    type: 'RiskOptions',
    Defaults: RiskOptions,
  },
  {
    title: 'Audit',
    prefix: 'audit.',
    file: 'src/auth/audit/audit-options.ts',
    type: 'AuditOptions',
    Defaults: AuditOptions,
  },
  {
    title: 'Alerts',
    prefix: 'alerts.',
    file: 'src/auth/alerts/alert-options.ts',
    type: 'AlertOptions',
    Defaults: AlertOptions,
  },
  {
    title: 'User provider',
    prefix: '',
    file: 'src/auth/user/user-options.ts',
    type: 'UserProviderOptions',
    Defaults: UserProviderOptions,
  },
  {
    title: 'Database',
    prefix: '',
    file: 'src/auth/common/database/auth-database.ts',
    type: 'DatabaseOptions',
    Defaults: DatabaseOptions,
  },
  { title: 'TLS', prefix: '', file: 'src/auth/common/request/tls.ts', type: 'TlsOptions', Defaults: TlsOptions },
  {
    title: 'Extras',
    prefix: '',
    file: 'src/auth/auth.module-definition.ts',
    type: 'AuthModuleExtras',
    Defaults: AuthModuleExtras,
  },
  {
    title: 'Throttling',
    prefix: 'AuthThrottlingModule: ',
    file: 'src/integrations/throttling/throttling-options.ts',
    type: 'AuthThrottlingOptions',
    Defaults: AuthThrottlingOptions,
  },
  {
    title: 'Metrics',
    prefix: 'AuthMetricsModule: ',
    file: 'src/integrations/metrics/metrics-options.ts',
    type: 'AuthMetricsOptions',
    Defaults: AuthMetricsOptions,
  },
  {
    title: 'Webhook',
    prefix: 'webhookAlerts: ',
    file: 'src/auth/alerts/webhook-options.ts',
    type: 'WebhookOptions',
    Defaults: WebhookOptions,
  },
  {
    title: 'GeoIP',
    prefix: 'mmdbGeoIp: ',
    file: 'src/integrations/geoip/mmdb-geo-ip.ts',
    type: 'MmdbGeoIpOptions',
    Defaults: MmdbGeoIpOptions,
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

function section({ title, prefix, file, type, Defaults, only }: Group): string[] {
  const { text } = documented(declaration(file, type));
  const defaults = Defaults && (new Defaults() as Record<string, unknown>);
  const options = members(file, type).filter(({ name }) => only?.includes(name) ?? true);
  const isRequired = requiredIn(file, type);
  return [
    `## ${title}`,
    ...(title === 'Secret' ? [] : [text]),
    ...options.flatMap((option) => [
      `### \`${prefix}${option.name}\``,
      option.text,
      facts({
        Type: typeOf(option, defaults?.[option.name]),
        Default: isRequired(option.name) ? 'none: it is required' : defaultOf(option, defaults?.[option.name]),
        Example: option.tags.filter(({ tag }) => tag === 'example').map((tag) => `\`${tag.text}\``)[0],
      }),
    ]),
  ];
}

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

function typeOf({ type }: Documented, value: unknown): string {
  if (typeof value === 'string' && /^\d+(ms|s|m|h|d)$/.test(value)) return 'duration';
  return `\`${(type ?? typeof value).replace(/\s+/g, ' ')}\``;
}

function defaultOf({ tags }: Documented, value: unknown): string | undefined {
  const stated = tags.find(({ tag }) => tag === 'default')?.text;
  const text = stated ?? written(value);
  return text === undefined ? undefined : `\`${text}\``;
}

function written(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return value.name;
  return Array.isArray(value) ? `[${value.map(written).join(', ')}]` : String(value);
}
