import { type ParsedUserAgent, parseUserAgent } from '../common/request/parse-user-agent.js';

/**
 * A `User-Agent` header. It is parsed when a property is read.
 *
 * @example
 * const agent = new UserAgent(request.headers['user-agent'] ?? '');
 * agent.browser; // 'Firefox'
 */
export class UserAgent {
  constructor(readonly text: string) {}

  /** The browser's name, for example `Firefox`. For an unknown client it is the first word, for example `curl`. */
  get browser(): string {
    return this.parsed.browser;
  }

  /** The browser's major version; 0 if unknown. */
  get majorVersion(): number {
    return this.parsed.majorVersion;
  }

  /** The operating system, for example `Windows`; an empty string if unknown. */
  get system(): string {
    return this.parsed.os;
  }

  /** `desktop`, `tablet` or `mobile`; an empty string if unknown. */
  get device(): string {
    return this.parsed.device;
  }

  /**
   * Whether `later` can be the same browser on the same device. A version update is allowed; a lower version is not.
   */
  mayHaveBecome(later: UserAgent): boolean {
    return (
      this.text === later.text ||
      (this.browser === later.browser &&
        this.system === later.system &&
        this.device === later.device &&
        this.majorVersion <= later.majorVersion)
    );
  }

  private get parsed(): ParsedUserAgent {
    return parseUserAgent(this.text);
  }
}

/**
 * Whether two `User-Agent` headers are of one browser family on one operating system. A header that is not known
 * may be of any.
 */
export function isSameKind(known: string | null | undefined, later: string | null | undefined): boolean {
  if (!known || !later || known === later) return true;
  const [one, other] = [new UserAgent(known), new UserAgent(later)];
  return one.browser === other.browser && one.system === other.system;
}
