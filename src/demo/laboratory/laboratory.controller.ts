import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Inject,
  Post,
  Put,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { stringifySetCookie } from 'cookie';
import {
  type AuthenticatedUser,
  clientContextOf,
  CurrentUser,
  PresentedToken,
  RefreshTokenGuard,
  Roles,
  RolesGuard,
} from 'nestjs-refresh-token';
import { LostAnswers } from './lost-answers.js';
import { ADDRESSES } from './sample-addresses.js';
import { ROLE, TakenRoles } from './taken-roles.js';
import { fingerprintOf, type Loot, Thief } from './thief.js';
import { TRAVEL_COOKIE } from './travel.guard.js';

/** The injection token of the demo's circumstances. */
export const CIRCUMSTANCES = Symbol('CIRCUMSTANCES');

export interface Circumstances {
  /** The grace window in milliseconds. */
  readonly grace: number;
  /** Whether the risk rules are on. */
  readonly rules: boolean;
  /** How many logins with one name may fail from one address in a minute. */
  readonly loginFailures: number;
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @param grace a duration that the library has accepted */
export function millisecondsOf(grace: string): number {
  const [, number, unit = 'ms'] = /^(\d+)(\w+)?$/.exec(grace) ?? ['', '0', 'ms'];
  return Number(number) * UNITS[unit];
}

class UseDto {
  @IsBoolean()
  elsewhere: boolean;
}

class TravelDto {
  @IsOptional()
  @IsIn(Object.keys(ADDRESSES))
  country?: string | null;
}

interface Response {
  header(name: string, value: string): unknown;
}

/** Seconds after which the visitor is home again. */
const TRIP = 600;

type Request = Parameters<typeof clientContextOf>[0];

/** Causes faults and thefts in the visitor's own session only. */
@Controller('laboratory')
export class LaboratoryController {
  constructor(
    private readonly thief: Thief,
    private readonly takenRoles: TakenRoles,
    @Inject(CIRCUMSTANCES) private readonly circumstances: Circumstances,
  ) {}

  /** The configuration, as far as the experiments need it. */
  @Get()
  laboratory() {
    const { grace, rules, loginFailures } = this.circumstances;
    return { grace_ms: grace, rules, login_failures: loginFailures };
  }

  /** The fingerprint of the visitor's live refresh token. */
  @Get('token')
  @Header('Cache-Control', 'no-store')
  @UseGuards(RefreshTokenGuard)
  token(@PresentedToken() token: string) {
    return { fingerprint: fingerprintOf(token) };
  }

  @Post('lose-next-answer')
  @HttpCode(204)
  @UseGuards(RefreshTokenGuard)
  loseNextAnswer(@PresentedToken() token: string): void {
    LostAnswers.loseNext(token);
  }

  @Post('steal')
  @HttpCode(200)
  @UseGuards(RefreshTokenGuard)
  steal(@PresentedToken() token: string, @CurrentUser() { sessionId }: AuthenticatedUser) {
    this.thief.steal(sessionId, token);
    return { fingerprint: fingerprintOf(token) };
  }

  @Post('use-stolen')
  @HttpCode(200)
  useStolen(
    @Body() { elsewhere }: UseDto,
    @CurrentUser() { sessionId }: AuthenticatedUser,
    @Req() request: Request,
  ): Promise<Loot> {
    return this.thief.use(sessionId, elsewhere, clientContextOf(request));
  }

  /** Only for users with the role that the laboratory takes away. */
  @Get('members')
  @UseGuards(RolesGuard)
  @Roles(ROLE)
  members() {
    return { welcome: true };
  }

  @Delete('role')
  @HttpCode(204)
  takeRole(@CurrentUser() user: AuthenticatedUser): Promise<void> {
    return this.takenRoles.take(user.id);
  }

  /** Gives back only what was taken here. */
  @Put('role')
  @HttpCode(204)
  giveRole(@CurrentUser() user: AuthenticatedUser): Promise<void> {
    return this.takenRoles.giveBack(user.id);
  }

  /** Without a country, the visitor is home again. */
  @Post('travel')
  @HttpCode(204)
  travel(@Res({ passthrough: true }) response: Response, @Body() body?: TravelDto): void {
    const country = body?.country ?? '';
    const attributes = { httpOnly: true, secure: true, sameSite: 'strict', path: '/' } as const;
    const maxAge = country === '' ? 0 : TRIP;
    response.header('Set-Cookie', stringifySetCookie(TRAVEL_COOKIE, country, { ...attributes, maxAge }));
  }
}
