import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { Reader, type Response } from 'mmdb-lib';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';
import { AddressRanges } from '../../auth/common/request/address-ranges.js';
import type { GeoIpRecord, GeoIpProvider } from '../../auth/risk/geo-ip-provider.js';
import { type MmdbRecord, geoIpOfRecords } from './mmdb-record.js';

/** The options of {@link mmdbGeoIp}. */
export class MmdbGeoIpOptions {
  /**
   * A file in the MaxMind DB format, or a list of them: for example one of cities and one of autonomous systems. They are read into
   * memory, and a lookup takes microseconds.
   */
  path: string | string[];
  /** How often the files are checked for changes. A changed file is read again in the background. */
  reload = '1h';
}

/**
 * Locates addresses with databases in the MaxMind DB format (GeoLite2, DB-IP, IPinfo, ip-location-db). A missing or
 * broken file does not prevent the application from starting. Lookups then fail, and `risk.onGeoIpFailure` decides what
 * happens.
 *
 * @throws AuthConfigurationError for invalid options
 * @example
 * import { mmdbGeoIp } from 'nestjs-refresh-token/geoip'; // npm install mmdb-lib
 * AuthModule.forRoot({ …, risk: { geoIp: mmdbGeoIp({ path: ['GeoLite2-City.mmdb', 'GeoLite2-ASN.mmdb'] }) } })
 */
export function mmdbGeoIp(given: Pick<MmdbGeoIpOptions, 'path'> & Partial<MmdbGeoIpOptions>): GeoIpProvider {
  const { path, reload } = new MmdbGeoIpConfig(given);
  return new MmdbGeoIp(
    path.map((one) => new MmdbFile(one)),
    reload,
  );
}

/** The options, checked. */
export class MmdbGeoIpConfig extends configOf('mmdbGeoIp: ', MmdbGeoIpOptions, {
  path: pathsOf,
  reload: duration('1s', '24d'),
}) {}

function pathsOf(name: string, path: string | string[]): string[] {
  const paths = Array.isArray(path) ? path : [path];
  if (paths.length > 0 && paths.every((one) => typeof one === 'string' && one !== '')) return paths;
  throw new AuthConfigurationError(`${name} must be a file or a list of files, for example './GeoLite2-City.mmdb'.`);
}

/**
 * Non-public ranges have no place (RFC 1918, 4193, 6598 and others). But databases merged from many sources locate some
 * of them.
 */
const NOT_PUBLIC = new AddressRanges([
  'loopback',
  'linklocal',
  'uniquelocal',
  '0.0.0.0/8',
  '100.64.0.0/10',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/128',
  '2001:db8::/32',
  'ff00::/8',
]);

class MmdbGeoIp implements GeoIpProvider {
  private lookedAt = performance.now();

  constructor(
    private readonly files: readonly MmdbFile[],
    private readonly reload: number,
  ) {}

  locate(ip: string): GeoIpRecord | null {
    if (NOT_PUBLIC.contains(ip)) return null;
    const now = performance.now();
    if (now - this.lookedAt > this.reload) {
      this.lookedAt = now;
      for (const file of this.files) void file.readIfChanged();
    }
    return geoIpOfRecords(this.files.map((file) => file.find(ip)).filter((record) => record !== null));
  }
}

class MmdbFile {
  private readonly logger = new Logger('MmdbGeoIp');
  private reader: Reader<Response> | undefined;
  /** The modification time of the loaded file, in milliseconds; -1 until the first check for changes. */
  private writtenAt = -1;

  constructor(private readonly path: string) {
    try {
      this.open(readFileSync(path));
    } catch (error) {
      this.logger.error(`${path} cannot be read: ${String(error)}`);
    }
  }

  /** @throws Error if the file could not be read */
  find(ip: string): MmdbRecord | null {
    if (!this.reader) throw new Error('a GeoIP database could not be read');
    return this.reader.get(ip) as MmdbRecord | null;
  }

  /** Reads the file if it has changed. If the new file is broken, the loaded data stays in use. */
  async readIfChanged(): Promise<void> {
    try {
      const { mtimeMs } = await stat(this.path);
      if (mtimeMs === this.writtenAt && this.reader) return;
      this.open(await readFile(this.path));
      this.writtenAt = mtimeMs;
    } catch (error) {
      this.logger.error(`${this.path} cannot be reloaded: ${String(error)}`);
    }
  }

  private open(bytes: Buffer): void {
    const reader = new Reader<Response>(bytes);
    // A truncated file may still end correctly. Only a lookup through its tree detects that.
    reader.get('192.0.2.1');
    this.reader = reader;
  }
}
