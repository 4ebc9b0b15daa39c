import { IsIn, IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import { CLIENT_ID } from '../session/client-id.js';
import type { Transport } from '../session/session-options.js';

/**
 * At most as many code points as the column holds, and no control characters, which databases and log lines cannot
 * take.
 */
export const NAME = /^\P{Cc}{1,255}$/u;
const TEXT_OR_NONE = /^\P{Cc}{0,255}$/u;
/** Scope tokens of RFC 6749 §3.3, separated by spaces. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** The module's own fields of `POST /auth/login`. */
export class AuthSignInDto {
  @IsOptional()
  @IsString()
  @Matches(CLIENT_ID)
  client_id?: string;

  @IsOptional()
  @IsString()
  @Matches(TEXT_OR_NONE)
  device_name?: string;

  @IsOptional()
  @IsString()
  @MaxLength(1024)
  @Matches(SCOPE)
  scope?: string;

  @IsOptional()
  @IsIn(['cookie', 'body'])
  transport?: Transport;

  /** With `false`, the browser forgets the cookie when it closes. The server may decide so by itself. */
  @IsOptional()
  @IsIn([true, false])
  persistent?: boolean;

  /** A DPoP proof binds the session even without this field. */
  @IsOptional()
  @IsIn(['nonce', 'tls'])
  bind?: 'nonce' | 'tls';
}

/** The body of `POST /auth/login`, without `loginDto`. */
export class AuthLoginDto extends AuthSignInDto {
  @IsString()
  @Matches(NAME)
  username: string;

  @IsString()
  @Length(1, 1024)
  password: string;
}

/** The module's own fields of `POST /auth/login/continue`. */
export class AuthContinueDto {
  @IsString()
  @Length(1, 32_768)
  mfa_ticket: string;

  @IsOptional()
  @IsIn(['cookie', 'body'])
  transport?: Transport;
}

/** The body of `POST /auth/logout`, in addition to the refresh token. */
export class AuthLogoutDto {
  /** Any text: an id that is not the session's ends nothing. */
  @IsOptional()
  @IsString()
  session_id?: string;

  /** RFC 7009 §2.1. A token says by itself what it is. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  token_type_hint?: string;
}

/** The body of `POST /auth/logout-all`. */
export class AuthLogoutAllDto {
  @IsOptional()
  @IsIn([true, false])
  except_current?: boolean;
}

/** The body of `POST /auth/step-up`, in addition to the refresh token, without `stepUpDto`. */
export class AuthStepUpDto {
  @IsString()
  @Length(1, 1024)
  password: string;
}
