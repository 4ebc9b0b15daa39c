import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { TlsConfig } from '../common/request/tls.js';
import { CookieConfig } from './cookie-options.js';

/** Warns at boot of cookies without `Secure`, which are for development. */
@Injectable()
export class InsecureCookies implements OnModuleInit {
  constructor(
    private readonly cookie: CookieConfig,
    private readonly tls: TlsConfig,
  ) {}

  /** @throws AuthConfigurationError if plain HTTP is refused anyway */
  onModuleInit(): void {
    if (this.cookie.secure) return;
    if (this.tls.requireTls) {
      throw new AuthConfigurationError(
        'cookie.secure: false is for plain HTTP, and requireTls refuses plain HTTP. Remove one of the two.',
      );
    }
    new Logger('Auth').warn(
      'cookie.secure is false: anybody in the network can read the tokens. Use it for development only.',
    );
  }
}
