import type { ConceptProviders } from '../common/concept-providers.js';
import { MfaTicketCodec } from './mfa-ticket.codec.js';
import { MfaTickets } from './mfa-tickets.js';
import { SecondFactorService } from './second-factor.service.js';
import { SignInService } from './sign-in.service.js';
import { StepUpService } from './step-up.service.js';

export const signInProviders: ConceptProviders = {
  exported: [SecondFactorService, SignInService, StepUpService],
  internal: [MfaTicketCodec, MfaTickets],
};
