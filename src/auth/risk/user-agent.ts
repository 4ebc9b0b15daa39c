import { type ParsedUserAgent, parseUserAgent } from '../common/request/parse-user-agent.js';

/** A user agent's text, and what it says, read when it is asked for. */
export class UserAgent {
  constructor(readonly text: string) {}

  /** Such as `Firefox`; of what is no known browser the first word, such as `curl`. */
  get browser(): string {
    return this.parsed.browser;
  }

  /** The first number of the browser's version; 0 where it is not known. */
  get majorVersion(): number {
    return this.parsed.majorVersion;
  }

  /** The operating system, such as `Windows`, or an empty text. */
  get system(): string {
    return this.parsed.os;
  }

  /** `desktop`, `tablet`, `mobile`, or an empty text. */
  get device(): string {
    return this.parsed.device;
  }

  /** Whether both can be one browser on one device: it is updated, but not set back, and becomes no other. */
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
